use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that environments with a user limit are not close to it.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
    let (users, cap) = (status.as_ref().ok()?.users?, environment.default_user_limit()? as usize);
    let remedy = format!(
        "list the users with `terra-auth users list --env {environment}`, and remove those that are not needed with \
         `terra-auth deauthenticate-user USER_ID --env {environment}`"
    );
    if users >= cap {
        let reason = format!("the limit of {cap} users is reached: new connections are rejected");
        Some(Finding::error(&environment, reason, remedy))
    } else if users * 5 >= cap * 4 {
        let reason = format!("{users} of {cap} users are connected; at the limit, new connections are rejected");
        Some(Finding::warning(&environment, reason, remedy))
    } else {
        None
    }
}
