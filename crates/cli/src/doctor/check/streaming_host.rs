use super::with_causes;
use crate::doctor::{
    Finding,
    context::Context,
    online::{HOSTED_STREAMING, Online},
};

/// The host of the streaming socket answers.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &Online) -> Option<Finding> {
    let streaming = online.streaming.as_ref()?;
    let error = streaming.answer.as_ref().err()?;
    let reason = format!("the streaming host {} does not answer: {}", streaming.url, with_causes(error));
    let remedy = if streaming.hosted_answers {
        format!("{HOSTED_STREAMING} answers: unset TERRA_STREAMING_URL, or set it to that")
    } else {
        format!("check the network and TERRA_STREAMING_URL, which is {}", streaming.url)
    };
    Some(Finding::warning(&online.environment, reason, remedy))
}
