//! The error of all database operations.

/// The database failed. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many callers are waiting, or others have locked the rows; try again later.
    #[error("the store is busy")]
    Busy,
    /// No database server can be reached, or the connection was lost before COMMIT; try again later.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not answer in time, and the changes are rolled back; try again later.
    #[error("the database did not respond in time")]
    TimedOut,
    /// The database temporarily rejects the change: its disk is full, it is read-only, or it has too many
    /// connections.
    #[error("the database does not accept this now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost at COMMIT: the changes may or may not have been made. Check before you repeat them.
    #[error("the connection to the database was lost at COMMIT, and it is unknown whether the change was made")]
    UnknownOutcome(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store was closed, or its thread has ended.
    #[error("the store is closed")]
    Closed,
    /// An error of the engine itself, or a row that cannot be parsed.
    #[error("the database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether nothing was changed and the same call may succeed in a moment.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::TimedOut | Self::Unavailable(_) => true,
            Self::UnknownOutcome(_) | Self::Closed | Self::Engine(_) => false,
        }
    }
}
