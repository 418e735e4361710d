//! Removes what has expired, as fast as it comes in.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use terra_auth_core::Auth;
use terra_auth_model::causes::Causes;
use tokio::time::sleep;

/// How long to wait once nothing is left to remove.
const INTERVAL: Duration = Duration::from_mins(1);
/// How much the clock may fall behind the time that has passed before it counts as set back.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Runs until `shutdown`. Rounds follow each other while there is something to remove; after each, the store is left to
/// others for as long as the round took.
pub(crate) async fn run(auth: &Auth, shutdown: impl Future<Output = ()>) {
    tokio::pin!(shutdown);
    let mut last = None;
    loop {
        let (now, began) = (auth.clock().now(), Instant::now());
        if clock_went_back(last.replace((now, began)), (now, began)) {
            reschedule(auth).await;
        }
        let removed = remove(auth).await;
        let pause = if removed > 0 { began.elapsed() } else { INTERVAL };
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            () = sleep(pause) => {}
        }
    }
}

/// Whether less time has passed on the clock than in fact; unknown, and so possible, at the start.
fn clock_went_back(last: Option<(Timestamp, Instant)>, (now, at): (Timestamp, Instant)) -> bool {
    last.is_none_or(|(then, since)| {
        let passed = SignedDuration::try_from(at.duration_since(since)).unwrap_or_default();
        now.duration_since(then) + CLOCK_TOLERANCE < passed
    })
}

async fn reschedule(auth: &Auth) {
    match auth.reschedule_future_attempts().await {
        Ok(0) => {}
        Ok(rows) => tracing::warn!(rows, "the clock was set back: attempts that it had scheduled are due now"),
        Err(error) => tracing::warn!(error = %Causes(&error), "could not look for attempts of a clock that was ahead"),
    }
}

/// A failure is for the next round: answers that nothing was removed.
async fn remove(auth: &Auth) -> u64 {
    auth.delete_expired().await.unwrap_or_else(|error| {
        tracing::warn!(error = %Causes(&error), "could not remove what has expired");
        0
    })
}
