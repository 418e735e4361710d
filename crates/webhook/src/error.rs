/// Why a delivery was refused. Answer 401 to all of them; the difference is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header does not read as `t=<seconds>,v1=<hex>`.
    #[error("malformed signature header")]
    Malformed(#[from] MalformedHeader),
    /// The header is well formed but holds no `v1`, the only scheme that is believed.
    #[error("no v1 signature in the header")]
    NoSignature,
    /// No signature fits any secret: another environment's secret, or a body that is not the one that was sent.
    #[error("no signature matches")]
    NoMatch,
    /// Rightly signed, too long ago: a replay, a late delivery, or a clock that runs ahead here.
    #[error("signed {age_s} seconds ago, which is too old")]
    Stale {
        /// Seconds between the signature and `now`.
        age_s: u64,
    },
    /// Rightly signed, too far ahead: a clock that runs behind here.
    #[error("signed {ahead_s} seconds in the future")]
    FromTheFuture {
        /// Seconds between `now` and the signature.
        ahead_s: u64,
    },
}

/// What is wrong with a signature header. The header itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHeader {
    /// Longer than 1024 bytes.
    #[error("the header is too long")]
    TooLong,
    /// Holds a byte outside ASCII.
    #[error("the header is not ASCII")]
    NotAscii,
    /// An element between two commas is not `key=value`.
    #[error("an element is not a key and a value")]
    NotAPair,
    /// No `t`.
    #[error("no timestamp in the header")]
    NoTimestamp,
    /// More than one `t`: which one was signed is anybody's guess.
    #[error("more than one timestamp in the header")]
    RepeatedTimestamp,
    /// `t` is not a whole number of seconds.
    #[error("the timestamp is not a number of seconds")]
    BadTimestamp,
    /// A `v1` is not 64 hex digits.
    #[error("a signature is not 64 hex digits")]
    BadSignature,
    /// More than 8 `v1`.
    #[error("too many signatures in the header")]
    TooManySignatures,
}
