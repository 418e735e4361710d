//! Checks of the API of each environment: reachable, clock, users and tokens.

use terra_auth::{Environment, Error};

use super::with_causes;
use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that the API responds and accepts the keys.
pub(super) fn reachable(context: &Context) -> Vec<Finding> {
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

/// Difference in seconds from which a warning is reported.
const WARN_SKEW_S: u64 = 30;

/// Tolerance for the time of a webhook's signature, in seconds.
const MAX_SKEW_S: u64 = terra_auth::webhook::DEFAULT_TOLERANCE.as_secs();

/// Checks that this machine's clock agrees with the API's.
pub(super) fn clock_skew(context: &Context) -> Vec<Finding> {
    let ahead = |online: &crate::doctor::online::EnvironmentApi| {
        let ahead = online.answer.as_ref().ok()?.clock_ahead?;
        clock_skew_finding(online.environment, ahead.as_secs())
    };
    context.online.iter().filter_map(ahead).collect()
}

fn clock_skew_finding(environment: Environment, ahead: i64) -> Option<Finding> {
    let (apart, way) = (ahead.unsigned_abs(), if ahead > 0 { "behind" } else { "ahead of" });
    let remedy = "synchronise the clock with `timedatectl set-ntp true`, or the equivalent on your system";
    if apart > MAX_SKEW_S {
        let reason =
            format!("this machine's clock is {apart} s {way} the API's: every webhook's signature is rejected");
        Some(Finding::error(&environment, reason, remedy))
    } else if apart > WARN_SKEW_S {
        let reason =
            format!("this machine's clock is {apart} s {way} the API's; above {MAX_SKEW_S} s, webhooks are rejected");
        Some(Finding::warning(&environment, reason, remedy))
    } else {
        None
    }
}

/// Checks that a configured proxy forwards the calls.
pub(super) fn proxy(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(proxy_finding).collect()
}

fn proxy_finding(online: &EnvironmentApi) -> Option<Finding> {
    let EnvironmentApi { environment, url, .. } = online;
    let (proxy, host) = (online.proxy.as_ref()?, url.host_str().unwrap_or_default());
    let Err(error) = &online.answer else {
        let reason = format!("{host} is reached through the proxy {proxy}, set by HTTPS_PROXY");
        return Some(Finding::info(environment, reason, format!("to bypass it, add {host} to NO_PROXY")));
    };
    let error = with_causes(error);
    let (without, remedy) = if online.answers_directly {
        ("the API responds without it", format!("add {host} to NO_PROXY, or allow {host} in the proxy"))
    } else {
        ("the API does not respond without it either", format!("fix HTTPS_PROXY, or allow {host} in the proxy"))
    };
    Some(Finding::error(&environment, format!("no response through the proxy {proxy}: {error}; {without}"), remedy))
}

/// Checks that mobile tokens work only for the user that the backend created them for.
pub(super) fn unbound_tokens(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(unbound_tokens_finding).collect()
}

fn unbound_tokens_finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
    let redeems = status.as_ref().ok()?.redeems_unbound_tokens?;
    let reason = "mobile tokens without a reference id are accepted: a phone that redeems one can name any user, and take \
                  over that user's connection";
    let remedy = "generate tokens with `reference_id`, then set `bound_tokens_only` for the environment";
    redeems.then(|| Finding::info(environment, reason, remedy))
}

/// Checks that environments with a user limit are not close to it.
pub(super) fn user_cap(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(user_cap_finding).collect()
}

fn user_cap_finding(EnvironmentApi { environment, answer: status, .. }: &EnvironmentApi) -> Option<Finding> {
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

#[cfg(test)]
mod proxy_tests {
    use terra_auth::{Environment, Error};

    use super::proxy_finding;
    use crate::doctor::online::{ApiStatus, EnvironmentApi};

    fn online(status: Result<ApiStatus, Error>, answers_directly: bool) -> EnvironmentApi {
        let url = "https://api.example.com/v2".parse().unwrap();
        let proxy = Some("proxy.example.com:3128".to_owned());
        EnvironmentApi {
            environment: Environment::Testing,
            url,
            proxy,
            answer: status,
            answers_directly,
            streaming: None,
        }
    }

    #[test]
    fn a_working_proxy_is_reported_as_information() {
        let status = ApiStatus {
            clock_ahead: None,
            keys: Ok(()),
            users: None,
            lacks_destination: false,
            widget: None,
            redeems_unbound_tokens: None,
        };
        let found = proxy_finding(&online(Ok(status), false)).unwrap();
        let expected = "api.example.com is reached through the proxy proxy.example.com:3128, set by HTTPS_PROXY";
        assert_eq!((found.severity, &*found.reason), (crate::doctor::Severity::Info, expected));
    }

    #[test]
    fn a_blocking_proxy_is_distinguished_from_an_unreachable_api() {
        let (host, problem) = ("api.example.com".to_owned(), "not JSON".to_owned());
        let refused = Error::UnreadableResponse { host, problem, trace_id: None };
        let found = proxy_finding(&online(Err(refused), true)).unwrap();
        assert!(found.reason.ends_with("the API responds without it"), "{}", found.reason);
        assert!(found.remedy.starts_with("add api.example.com to NO_PROXY"), "{}", found.remedy);
    }
}
