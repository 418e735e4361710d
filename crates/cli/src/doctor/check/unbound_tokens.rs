use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that mobile tokens work only for the user that the backend created them for.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
    let redeems = status.as_ref().ok()?.redeems_unbound_tokens?;
    let reason = "mobile tokens without a reference id are accepted: a phone that redeems one can name any user, and take \
                  over that user's connection";
    let remedy = "generate tokens with `reference_id`, then set `bound_tokens_only` for the environment";
    redeems.then(|| Finding::info(environment, reason, remedy))
}
