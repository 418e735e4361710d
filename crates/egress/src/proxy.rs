//! The proxy that the process environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!
//! The proxy is used for addresses on the internet that the operator configured: an issuer's keys, a provider's endpoints. It
//! is never used for an address that an end user or an API client chose. Such an address is checked when its name is
//! resolved, and the proxy would resolve it.

use std::{env, time::Duration};

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use terra_auth_types::redirect::is_loopback;
use tokio::{net::lookup_host, time::timeout};
use url::{Host, Url};

use crate::guard::{AddressPolicy, Forbidden};

const VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// The time limit to resolve a name. A machine behind a proxy often cannot resolve public names, and its resolver is slow.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether calls use the proxy of the process environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// All calls are direct.
    None,
    /// The variables decide; calls to loopback are direct.
    Environment,
}

/// Returns the proxy of a call to `url` as `host:port`, if there is one.
#[must_use]
pub fn environment_proxy(url: &Url) -> Option<String> {
    let carried = carried_by(&Matcher::from_system(), url)?;
    let (host, port) = (carried.uri().host()?, carried.uri().port_u16());
    Some(port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// A client that uses the proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub client: reqwest::Client,
}

impl Proxy {
    /// `None` if the variables are not set.
    pub(crate) fn new(builder: reqwest::ClientBuilder) -> Result<Option<Self>, SetupError> {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if !VARIABLES.into_iter().any(is_set) {
            return Ok(None);
        }
        Ok(Some(Self { client: builder.build().map_err(SetupError)? }))
    }
}

/// Whether the variables set a proxy for this call.
pub(crate) fn carries(url: &Url) -> bool {
    carried_by(&Matcher::from_system(), url).is_some()
}

/// Plain HTTP is readable behind the proxy, so only a proxy on this machine may carry it, such as a sidecar that encrypts.
fn carried_by(matcher: &Matcher, url: &Url) -> Option<Intercept> {
    let intercept = matcher.intercept(&url.as_str().parse().ok()?).filter(|_| !is_loopback(url))?;
    let proxy: Url = intercept.uri().to_string().parse().ok()?;
    (url.scheme() == "https" || is_loopback(&proxy)).then_some(intercept)
}

/// Checks a call through a proxy: an IP address must be allowed.
pub(crate) fn check(policy: AddressPolicy, url: &Url) -> Result<(), Forbidden> {
    let permitted = match url.host() {
        Some(Host::Ipv4(address)) => policy.permits(address.into()),
        Some(Host::Ipv6(address)) => policy.permits(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    };
    match url.scheme() {
        "http" if policy == AddressPolicy::Public => Err(Forbidden::NotHttps),
        "https" | "http" if permitted => Ok(()),
        "https" | "http" => Err(Forbidden::Address),
        _ => Err(Forbidden::NotHttps),
    }
}

/// Rejects a name if this machine resolves it to forbidden addresses only.
pub(crate) async fn check_name(policy: AddressPolicy, url: &Url) -> Result<(), Forbidden> {
    let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
    let Ok(Ok(found)) = timeout(LOOKUP_TIMEOUT, lookup_host((name, 0))).await else { return Ok(()) };
    let mut found = found.peekable();
    let known = found.peek().is_some();
    if known && !found.any(|address| policy.permits(address.ip())) { Err(Forbidden::Address) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use hyper_util::client::proxy::matcher::Matcher;

    use super::{carried_by, check, check_name};
    use crate::guard::{AddressPolicy, Forbidden};

    fn carried(proxy: &str, url: &str) -> bool {
        let matcher = Matcher::builder().all(proxy.to_owned()).no("inside.example".to_owned()).build();
        carried_by(&matcher, &url.parse().unwrap()).is_some()
    }

    #[test]
    fn a_proxy_is_used_for_https_and_for_http_only_on_loopback() {
        for (proxy, url, expected) in [
            ("http://proxy.example:3128", "https://issuer.example/", true),
            ("http://proxy.example:3128", "http://issuer.example/", false),
            ("http://10.0.0.1:3128", "http://issuer.example/", false),
            ("http://127.0.0.1:3128", "http://issuer.example/", true),
            ("http://127.0.0.1:3128", "https://inside.example/", false),
            ("http://127.0.0.1:3128", "http://127.0.0.1/", false),
            ("http://127.0.0.1:3128", "https://localhost/", false),
            ("http://127.0.0.1:3128", "http://[::1]/", false),
        ] {
            assert_eq!(carried(proxy, url), expected, "{url} by {proxy}");
        }
    }

    #[tokio::test]
    async fn what_a_proxy_would_call_is_checked_as_far_as_it_is_known_here() {
        let public = AddressPolicy::Public;
        for url in ["https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]/"] {
            assert_eq!(check(public, &url.parse().unwrap()), Err(Forbidden::Address), "{url}");
        }
        assert_eq!(
            check(AddressPolicy::AllowPrivate, &"https://169.254.169.254/".parse().unwrap()),
            Err(Forbidden::Address)
        );
        assert_eq!(check(public, &"http://issuer.example/".parse().unwrap()), Err(Forbidden::NotHttps));
        assert_eq!(check(public, &"ftp://issuer.example/".parse().unwrap()), Err(Forbidden::NotHttps));
        assert_eq!(check_name(public, &"https://localhost/".parse().unwrap()).await, Err(Forbidden::Address));
        assert_eq!(check_name(public, &"https://issuer.invalid/".parse().unwrap()).await, Ok(()));
    }
}

/// The HTTP client cannot be set up, most likely because the machine has no certificates to trust.
#[derive(Debug, thiserror::Error)]
#[error("could not set up the HTTP client")]
pub struct SetupError(#[source] pub reqwest::Error);
