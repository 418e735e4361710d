use crate::doctor::{Finding, context::Context, online::Online};

/// There is room for more users in the environments that have a cap.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(Online { environment, answer, .. }: &Online) -> Option<Finding> {
    let (users, cap) = (answer.as_ref().ok()?.users?, environment.default_user_limit()? as usize);
    let remedy = format!(
        "see them with `terra-auth users list --env {environment}`, and remove those that nobody needs with \
         `terra-auth deauthenticate-user USER_ID --env {environment}`"
    );
    if users >= cap {
        let reason = format!("all {cap} places for users are taken: new connections are refused");
        Some(Finding::error(&environment, reason, remedy))
    } else if users * 5 >= cap * 4 {
        let reason = format!("{users} of {cap} places for users are taken; at {cap} new connections are refused");
        Some(Finding::warning(&environment, reason, remedy))
    } else {
        None
    }
}
