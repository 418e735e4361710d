//! Checks of URLs: loopback, Terra's own hosts, and URLs that keys may be sent to.

use url::{Host, Url};

use crate::private_http;

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether Terra runs the host.
pub(crate) fn is_hosted(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "tryterra.co" || host.ends_with(".tryterra.co"))
}

/// Returns the origin of `url` with another scheme and no path.
pub(crate) fn origin(url: &Url, scheme: &str) -> Url {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{scheme}://{host}{port}").parse().unwrap_or_else(|_| url.clone())
}

/// Checks that keys may be sent to `url`: the connection is encrypted, or stays on this machine or, if allowed,
/// in the private network. The schemes are the encrypted and the plain one.
pub(crate) fn check(url: &Url, [encrypted, plain]: [&str; 2]) -> Result<(), &'static str> {
    let clean = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match url.scheme() {
        _ if !clean || url.fragment().is_some() => Err("must be a bare address, without user, query or fragment"),
        scheme if scheme == encrypted => Ok(()),
        scheme if scheme == plain && is_loopback(url) => Ok(()),
        scheme if scheme == plain && private_http::is_allowed() => {
            let problem = "must be encrypted, except on loopback and in a private network";
            if private_http::may_be_private(url) { Ok(()) } else { Err(problem) }
        }
        scheme if scheme == plain => Err("must be encrypted, except on loopback"),
        _ if encrypted == "wss" => Err("must be a wss:// URL"),
        _ => Err("must be an https:// URL"),
    }
}
