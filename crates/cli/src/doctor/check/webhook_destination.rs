use crate::doctor::{Finding, context::Context, online::Online};

/// The events of connected users are sent somewhere.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(Online { environment, answer, .. }: &Online) -> Option<Finding> {
    let answer = answer.as_ref().ok()?;
    if !answer.sends_nowhere || answer.users == Some(0) {
        return None;
    }
    let reason = "events go nowhere: users are connected, and the environment has no webhook destination";
    let remedy = format!(
        "set it with `terra-auth environments set --destination URL --env {environment}`; for a gateway on this machine, \
         URL is http://127.0.0.1:8790/webhooks/terra"
    );
    Some(Finding::warning(&environment, reason.to_owned(), remedy))
}
