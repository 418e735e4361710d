use terra_auth::Environment;

use crate::doctor::{Finding, context::Context};

/// Seconds that two clocks may differ before somebody should know.
const NOTICED: u64 = 30;

/// Seconds that a webhook's signature may be old or early.
const FATAL: u64 = terra_auth::webhook::DEFAULT_TOLERANCE.as_secs();

/// This machine's clock and the API's agree.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let ahead = |online: &crate::doctor::online::Online| {
        let ahead = online.answer.as_ref().ok()?.clock_ahead?;
        finding(online.environment, ahead.as_secs())
    };
    context.online.iter().filter_map(ahead).collect()
}

fn finding(environment: Environment, ahead: i64) -> Option<Finding> {
    let (apart, way) = (ahead.unsigned_abs(), if ahead > 0 { "behind" } else { "ahead of" });
    let remedy = "set the clock with `timedatectl set-ntp true`, or as your system does it";
    if apart > FATAL {
        let reason = format!("this machine's clock is {apart} s {way} the API's: every webhook's signature is refused");
        Some(Finding::error(&environment, reason, remedy))
    } else if apart > NOTICED {
        let reason =
            format!("this machine's clock is {apart} s {way} the API's; past {FATAL} s no webhook is believed");
        Some(Finding::warning(&environment, reason, remedy))
    } else {
        None
    }
}
