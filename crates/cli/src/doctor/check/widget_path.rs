use terra_auth::Error;

use super::with_causes;
use crate::doctor::{
    Finding,
    context::Context,
    online::{Online, PATIENCE},
};

/// Some path of the widget call answers.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &Online) -> Option<Finding> {
    let environment = online.environment;
    let answer = online.answer.as_ref().ok().filter(|answer| answer.keys.is_ok())?;
    match &answer.widget {
        Some(Ok(_) | Err(Error::UserLimit(_))) => None,
        Some(Err(error @ (Error::NotFound(_) | Error::Gone { .. }))) => {
            let reason = format!("none of the four paths of the widget call answers: {}", with_causes(error));
            let remedy = format!("check that TERRA_API_URL, {}, is the whole base of the API", online.url);
            Some(Finding::error(&environment, reason, remedy))
        }
        Some(Err(error)) => {
            let remedy = format!("try `terra-auth generate-widget-session --env {environment} --verbose`");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
        None => {
            let reason = format!("the widget call did not answer within {} s", PATIENCE.as_secs());
            Some(Finding::error(&environment, reason, "run this again; if it stays so, ask the API's operator"))
        }
    }
}
