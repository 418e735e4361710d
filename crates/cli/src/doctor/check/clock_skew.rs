use terra_auth::Environment;

use crate::doctor::{Finding, context::Context};

/// Difference in seconds from which a warning is reported.
const WARN_SKEW_S: u64 = 30;

/// Tolerance for the time of a webhook's signature, in seconds.
const MAX_SKEW_S: u64 = terra_auth::webhook::DEFAULT_TOLERANCE.as_secs();

/// Checks that this machine's clock agrees with the API's.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let ahead = |online: &crate::doctor::online::EnvironmentApi| {
        let ahead = online.answer.as_ref().ok()?.clock_ahead?;
        finding(online.environment, ahead.as_secs())
    };
    context.online.iter().filter_map(ahead).collect()
}

fn finding(environment: Environment, ahead: i64) -> Option<Finding> {
    let (apart, way) = (ahead.unsigned_abs(), if ahead > 0 { "behind" } else { "ahead of" });
    let remedy = "synchronise the clock with `timedatectl set-ntp true`, or the equivalent on your system";
    if apart > MAX_SKEW_S {
        let reason =
            format!("this machine's clock is {apart} s {way} the API's: every webhook's signature is rejected");
        Some(Finding::error(&environment, reason, remedy))
    } else if apart > WARN_SKEW_S {
        let reason =
            format!("this machine's clock is {apart} s {way} the API's; above {MAX_SKEW_S} s, webhooks are rejected");
        Some(Finding::warning(&environment, reason, remedy))
    } else {
        None
    }
}
