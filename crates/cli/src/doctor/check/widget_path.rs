use terra_auth::Error;

use super::with_causes;
use crate::doctor::{
    Finding,
    context::Context,
    online::{CALL_TIMEOUT, EnvironmentApi},
};

/// Checks that the API responds at one of the paths of the widget call.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &EnvironmentApi) -> Option<Finding> {
    let environment = online.environment;
    let status = online.answer.as_ref().ok().filter(|status| status.keys.is_ok())?;
    match &status.widget {
        Some(Ok(_) | Err(Error::UserLimit(_))) => None,
        Some(Err(error @ (Error::NotFound(_) | Error::Gone { .. }))) => {
            let reason = format!("the API has none of the four paths of the widget call: {}", with_causes(error));
            let remedy = format!("check that TERRA_API_URL ({}) is the complete base URL of the API", online.url);
            Some(Finding::error(&environment, reason, remedy))
        }
        Some(Err(error)) => {
            let remedy = format!("run `terra-auth generate-widget-session --env {environment} --verbose`");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
        None => {
            let reason = format!("no response to the widget call within {} s", CALL_TIMEOUT.as_secs());
            let remedy = "run doctor again; if the problem persists, contact the operator of the API";
            Some(Finding::error(&environment, reason, remedy))
        }
    }
}
