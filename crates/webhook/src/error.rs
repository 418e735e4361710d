/// The reason why a delivery is rejected. Respond with 401 to all of them; the difference is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The header is not of the form `t=<seconds>,v1=<hex>`.
    #[error("malformed signature header")]
    Malformed(#[from] MalformedHeader),
    /// The header is well-formed but has no `v1` signature, and no other scheme is accepted.
    #[error("no v1 signature in the header")]
    NoSignature,
    /// No signature matches any secret: it is another environment's secret, or the body was changed.
    #[error("no signature matches")]
    NoMatch,
    /// The signature matches but is too old: a replay, a late delivery, or a receiver whose clock is ahead.
    #[error("signed {age_s} seconds ago, which is too old")]
    Stale {
        /// Seconds between the signature and `now`.
        age_s: u64,
    },
    /// The signature matches but is from the future: the receiver's clock is behind.
    #[error("signed {ahead_s} seconds in the future")]
    FromTheFuture {
        /// Seconds between `now` and the signature.
        ahead_s: u64,
    },
}

/// The defect of a malformed signature header. Messages never contain the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHeader {
    /// The header is longer than 1024 bytes.
    #[error("the header is too long")]
    TooLong,
    /// The header has a byte outside ASCII.
    #[error("the header is not ASCII")]
    NotAscii,
    /// An element between two commas is not `key=value`.
    #[error("an element is not a key and a value")]
    NotAPair,
    /// The header has no `t`.
    #[error("no timestamp in the header")]
    NoTimestamp,
    /// The header has more than one `t`, so the signed one is unknown.
    #[error("more than one timestamp in the header")]
    RepeatedTimestamp,
    /// `t` is not an integer number of seconds.
    #[error("the timestamp is not a number of seconds")]
    BadTimestamp,
    /// A `v1` is not 64 hex digits.
    #[error("a signature is not 64 hex digits")]
    BadSignature,
    /// The header has more than 8 `v1` signatures.
    #[error("too many signatures in the header")]
    TooManySignatures,
}
