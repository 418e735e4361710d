use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_model::store::Store;

use crate::{Accepted, Postgres, PostgresError, Sqlite, SqliteError, postgres};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not shown, because it may contain a password.
    #[error("the store's URL must start with sqlite:// or postgres://, or be sqlite::memory:")]
    UnknownScheme,
    /// The URL has no file name.
    #[error("the store's URL has no file name: write sqlite://path")]
    NoFile,
    /// See [`SqliteError`].
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// See [`PostgresError`].
    #[error(transparent)]
    Postgres(#[from] PostgresError),
}

impl OpenError {
    /// Whether another attempt may succeed soon: a PostgreSQL that cannot be reached, or that is starting or stopping.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Postgres(_)) && postgres::is_transient(self)
    }
}

/// Opens the store at `sqlite://path`, `sqlite::memory:` or `postgres://user:password@host/database`, and brings its
/// schema up to date. Only one process may have a file open.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open(url: &SecretString) -> Result<Store, OpenError> {
    open_accepting(url, Accepted::default()).await
}

/// Like the function above, but accepts the given damage.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open_accepting(url: &SecretString, accepted: Accepted) -> Result<Store, OpenError> {
    open_with(url, |path| Sqlite::open_accepting(path, accepted)).await
}

/// Opens a store that several processes can share, if each opens it this way. A process that caches rows in memory, such
/// as a server, must not use it.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open_shared(url: &SecretString) -> Result<Store, OpenError> {
    open_shared_accepting(url, Accepted::default()).await
}

/// Like the function above, but accepts the given damage.
///
/// # Errors
///
/// See [`OpenError`].
pub async fn open_shared_accepting(url: &SecretString, accepted: Accepted) -> Result<Store, OpenError> {
    open_with(url, |path| Sqlite::open_shared_accepting(path, accepted)).await
}

async fn open_with(
    url: &SecretString,
    open_file: impl FnOnce(&str) -> Result<Sqlite, SqliteError>,
) -> Result<Store, OpenError> {
    let (scheme, rest) = url.expose_secret().split_once(':').ok_or(OpenError::UnknownScheme)?;
    match (scheme, rest) {
        ("sqlite", ":memory:") => Ok(Store::new(Sqlite::in_memory()?)),
        ("sqlite", rest) => match rest.strip_prefix("//").unwrap_or_default() {
            "" => Err(OpenError::NoFile),
            path => Ok(Store::new(open_file(path)?)),
        },
        ("postgres" | "postgresql", _) => Ok(Store::new(Postgres::connect(url).await?)),
        _ => Err(OpenError::UnknownScheme),
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenError, open};

    #[tokio::test]
    async fn an_address_of_another_kind_is_refused_without_being_shown() {
        for address in ["mysql://root:not-a-secret@host/db", "not-a-secret"] {
            let error = open(&address.into()).await.err().unwrap();
            assert!(matches!(error, OpenError::UnknownScheme), "{error}");
            assert!(!format!("{error:?} {error}").contains("not-a-secret"));
        }
        assert!(matches!(open(&"sqlite://".into()).await, Err(OpenError::NoFile)));
    }

    #[tokio::test]
    async fn a_store_opens_in_memory() {
        assert!(open(&"sqlite::memory:".into()).await.is_ok());
    }
}
