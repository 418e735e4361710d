use super::with_causes;
use crate::doctor::{Finding, context::Context, online::Online};

/// A proxy on the way lets the calls through.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.online.iter().filter_map(finding).collect()
}

fn finding(online: &Online) -> Option<Finding> {
    let Online { environment, url, .. } = online;
    let (proxy, host) = (online.proxy.as_ref()?, url.host_str().unwrap_or_default());
    let Err(error) = &online.answer else {
        let reason = format!("{host} is reached through the proxy {proxy}, as HTTPS_PROXY says");
        return Some(Finding::info(environment, reason, format!("to go past it, add {host} to NO_PROXY")));
    };
    let error = with_causes(error);
    let (without, remedy) = if online.answers_directly {
        ("without it the API answers", format!("add {host} to NO_PROXY, or let the proxy pass {host}"))
    } else {
        ("without it the API does not answer either", format!("mend HTTPS_PROXY, or let the proxy pass {host}"))
    };
    Some(Finding::error(&environment, format!("no answer through the proxy {proxy}: {error}; {without}"), remedy))
}

#[cfg(test)]
mod tests {
    use terra_auth::{Environment, Error};

    use super::finding;
    use crate::doctor::online::{Answer, Online};

    fn online(answer: Result<Answer, Error>, answers_directly: bool) -> Online {
        let url = "https://api.example.com/v2".parse().unwrap();
        let proxy = Some("proxy.example.com:3128".to_owned());
        Online { environment: Environment::Testing, url, proxy, answer, answers_directly, streaming: None }
    }

    #[test]
    fn a_proxy_that_works_is_good_to_know() {
        let answer = Answer {
            clock_ahead: None,
            keys: Ok(()),
            users: None,
            sends_nowhere: false,
            widget: None,
            redeems_unbound_tokens: None,
        };
        let found = finding(&online(Ok(answer), false)).unwrap();
        let expected = "api.example.com is reached through the proxy proxy.example.com:3128, as HTTPS_PROXY says";
        assert_eq!((found.severity, &*found.reason), (crate::doctor::Severity::Info, expected));
    }

    #[test]
    fn a_proxy_that_stands_in_the_way_is_told_from_an_api_that_is_not_there() {
        let (host, problem) = ("api.example.com".to_owned(), "not JSON".to_owned());
        let refused = Error::UnreadableAnswer { host, problem, trace_id: None };
        let found = finding(&online(Err(refused), true)).unwrap();
        assert!(found.reason.ends_with("without it the API answers"), "{}", found.reason);
        assert!(found.remedy.starts_with("add api.example.com to NO_PROXY"), "{}", found.remedy);
    }
}
