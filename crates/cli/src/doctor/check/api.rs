use terra_auth::Error;

use super::with_causes;
use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that the API responds and accepts the keys.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &EnvironmentApi) -> Option<Finding> {
    let EnvironmentApi { environment, url, .. } = online;
    match &online.answer {
        Err(_) if online.proxy.is_some() => None, // reported by the `proxy` check
        Err(error) => {
            let remedy = format!("check the network and TERRA_API_URL ({url})");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
        Ok(status) => status
            .keys
            .as_ref()
            .err()
            .map(|error| Finding::error(environment, with_causes(error), remedy(error, environment.as_str()))),
    }
}

fn remedy(error: &Error, environment: &str) -> String {
    match error {
        Error::NotAuthenticated(_) | Error::Forbidden(_) => {
            format!("run `terra-auth setup-environment --env {environment}` with both keys of {environment}")
        }
        _ => format!("run `terra-auth verify-connection --env {environment} --verbose`"),
    }
}
