//! Reads the body of an event within its limits of size, time and speed.

use std::net::IpAddr;

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::{Duration, Instant, timeout_at};

use super::MAX_BODY_BYTES;
use crate::{
    body_budget::{BodyBudget, Reservation},
    error::ApiError,
};

/// The time limit of a body. Terra waits about 8 s for a response.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a body can be slower than `BYTES_PER_SECOND`.
const SLOW_START: Duration = Duration::from_secs(3);
const BYTES_PER_SECOND: u64 = 256 << 10;
/// The maximum pause between two parts.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Reads the complete body, and reserves its memory. Waiting for memory does not count as time of the sender.
pub(super) async fn read_body(
    room: &BodyBudget,
    body: Body,
    peer: Option<IpAddr>,
) -> Result<(Bytes, Reservation<'_>), ApiError> {
    let (mut body, mut whole, mut held) = (Limited::new(body, MAX_BODY_BYTES), Vec::new(), room.reserve(peer));
    let mut began = Instant::now();
    loop {
        let deadline = deadline(began, whole.len());
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| late())?;
        let Some(frame) = frame else { return Ok((whole.into(), held)) };
        let Ok(part) = frame.map_err(|error| broken(&*error))?.into_data() else { continue };
        whole.extend_from_slice(&part);
        let waits = Instant::now();
        let full = |_| ApiError::unavailable("busy", "too many events at once; try again in a moment");
        held.grow_to(whole.len()).await.map_err(full)?;
        began += waits.elapsed();
    }
}

/// The deadline of the next part.
fn deadline(began: Instant, bytes: usize) -> Instant {
    let needed = Duration::from_millis(bytes as u64 * 1000 / BYTES_PER_SECOND);
    (began + (SLOW_START + needed).min(BODY_TIMEOUT)).min(Instant::now() + MAX_PAUSE)
}

fn late() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
}

fn broken(error: &(dyn std::error::Error + 'static)) -> ApiError {
    if error.is::<LengthLimitError>() { too_large() } else { ApiError::bad_request("the body is incomplete") }
}

pub(super) fn too_large() -> ApiError {
    let detail = format!("an event has at most {MAX_BODY_BYTES} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use axum::body::{Body, Bytes};
    use futures_util::{StreamExt as _, stream};

    use super::read_body;
    use crate::body_budget::BodyBudget;

    /// A body of `parts` parts of `bytes` bytes, one part every `every_ms` milliseconds.
    fn declared_length(parts: usize, bytes: usize, every_ms: u64) -> Body {
        Body::from_stream(stream::iter(0..parts).then(move |_| async move {
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
            Ok::<_, Infallible>(Bytes::from(vec![b' '; bytes]))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_arrives_too_slowly_is_rejected() {
        let room = BodyBudget::new();
        let read = async |body| read_body(&room, body, None).await.map(|(body, _)| body.len()).ok();
        assert_eq!(read(declared_length(10, 64 << 10, 200)).await, Some(10 * (64 << 10)));
        assert_eq!(read(declared_length(1, 100, 2_900)).await, Some(100));
        assert_eq!(read(declared_length(1, 100, 3_100)).await, None, "no part arrived in time");
        assert_eq!(read(declared_length(100, 1000, 200)).await, None, "5 KB a second");
        let stalls = Body::from_stream(declared_length(1, 8 << 20, 1).into_data_stream().chain(stream::pending()));
        let began = tokio::time::Instant::now();
        assert_eq!(read(stalls).await, None);
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
}
