use super::with_causes;
use crate::doctor::{
    Finding,
    context::Context,
    online::{EnvironmentApi, HOSTED_STREAMING},
};

/// Checks that the host of the streaming socket responds.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &EnvironmentApi) -> Option<Finding> {
    let streaming = online.streaming.as_ref()?;
    let error = streaming.answer.as_ref().err()?;
    let reason = format!("the streaming host {} does not respond: {}", streaming.url, with_causes(error));
    let remedy = if streaming.hosted_answers {
        format!("unset TERRA_STREAMING_URL, or set it to {HOSTED_STREAMING}, which responds")
    } else {
        format!("check the network and TERRA_STREAMING_URL ({})", streaming.url)
    };
    Some(Finding::warning(&online.environment, reason, remedy))
}
