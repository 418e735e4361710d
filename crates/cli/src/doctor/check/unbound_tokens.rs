use crate::doctor::{Finding, context::Context, online::Online};

/// Mobile tokens work only for the user that the backend minted them for.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(Online { environment, answer, .. }: &Online) -> Option<Finding> {
    let redeems = answer.as_ref().ok()?.redeems_unbound_tokens?;
    let reason = "mobile tokens without a reference id work: a phone that redeems one may name any user, and take over that \
                  user's connection";
    let remedy = "mint tokens with `reference_id`, then set `bound_tokens_only` for the environment";
    redeems.then(|| Finding::info(environment, reason, remedy))
}
