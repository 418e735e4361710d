//! Reads a request's body within limits.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// It is larger than the bound.
    #[error("the body is too large")]
    TooLarge,
    /// The connection ended before the body was complete, or its framing is invalid.
    #[error("the body is incomplete")]
    Incomplete,
}

/// Reads a body of at most `max_bytes` that arrives within `time`.
///
/// # Errors
///
/// See [`BodyError`]. The received part is dropped.
pub async fn read_body(body: Body, max_bytes: usize, time: Duration) -> Result<Bytes, BodyError> {
    let read = timeout(time, Limited::new(body, max_bytes).collect()).await.map_err(|_| BodyError::TimedOut)?;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| if error.is::<LengthLimitError>() { BodyError::TooLarge } else { BodyError::Incomplete })
}
