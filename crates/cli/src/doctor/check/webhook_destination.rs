use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that an environment with connected users has a webhook destination.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
    let status = status.as_ref().ok()?;
    if !status.lacks_destination || status.users == Some(0) {
        return None;
    }
    let reason = "users are connected, but the environment has no webhook destination, so no events are sent";
    let remedy = format!(
        "set it with `terra-auth environments set --destination URL --env {environment}`; for a gateway on this machine, \
         URL is http://127.0.0.1:8790/webhooks/terra"
    );
    Some(Finding::warning(&environment, reason.to_owned(), remedy))
}
