use super::with_causes;
use crate::doctor::{Finding, context::Context, online::EnvironmentApi};

/// Checks that a configured proxy forwards the calls.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &EnvironmentApi) -> Option<Finding> {
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

#[cfg(test)]
mod tests {
    use terra_auth::{Environment, Error};

    use super::finding;
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
        let found = finding(&online(Ok(status), false)).unwrap();
        let expected = "api.example.com is reached through the proxy proxy.example.com:3128, set by HTTPS_PROXY";
        assert_eq!((found.severity, &*found.reason), (crate::doctor::Severity::Info, expected));
    }

    #[test]
    fn a_blocking_proxy_is_distinguished_from_an_unreachable_api() {
        let (host, problem) = ("api.example.com".to_owned(), "not JSON".to_owned());
        let refused = Error::UnreadableResponse { host, problem, trace_id: None };
        let found = finding(&online(Err(refused), true)).unwrap();
        assert!(found.reason.ends_with("the API responds without it"), "{}", found.reason);
        assert!(found.remedy.starts_with("add api.example.com to NO_PROXY"), "{}", found.remedy);
    }
}
