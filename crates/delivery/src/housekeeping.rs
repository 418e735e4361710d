//! Deletes expired rows.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use terra_auth_core::Auth;
use terra_auth_model::causes::Causes;
use tokio::time::sleep;

/// The pause when no expired rows are left.
const INTERVAL: Duration = Duration::from_mins(1);
/// How far the clock may fall behind the elapsed time before it counts as set back.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Runs until `shutdown`. Rounds continue while there are expired rows. After each round, it pauses as long as the round
/// took, so that other work can use the store.
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

/// Whether the clock advanced less than the elapsed time. At the start this is unknown, so it returns `true`.
fn clock_went_back(last: Option<(Timestamp, Instant)>, (now, at): (Timestamp, Instant)) -> bool {
    last.is_none_or(|(then, since)| {
        let passed = SignedDuration::try_from(at.duration_since(since)).unwrap_or_default();
        now.duration_since(then) + CLOCK_TOLERANCE < passed
    })
}

async fn reschedule(auth: &Auth) {
    match auth.reschedule_future_attempts().await {
        Ok(0) => {}
        Ok(rows) => tracing::warn!(rows, "the clock was set back; the attempts that it had scheduled are due now"),
        Err(error) => {
            tracing::warn!(error = %Causes(&error), "could not reschedule attempts after the clock was set back");
        }
    }
}

/// Deletes a batch. After a failure it returns 0; the next round tries again.
async fn remove(auth: &Auth) -> u64 {
    auth.delete_expired().await.unwrap_or_else(|error| {
        tracing::warn!(error = %Causes(&error), "could not delete expired rows");
        0
    })
}
