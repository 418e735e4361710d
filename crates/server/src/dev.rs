//! The credentials of `terra-auth dev`, which its pages show to browsers on the same machine.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::http::{HeaderMap, header, request::Parts};
use terra_auth_http::Peer;

use crate::reference::Credentials;

/// Headers that proxies add. A tunnel that makes the server public adds one of them.
const FORWARDED: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// The credentials that pages may show; `serve` never sets them.
#[derive(Clone, Debug, Default)]
pub struct DevAccess(Arc<OnceLock<Credentials>>);

impl DevAccess {
    /// Allows pages to show these credentials to browsers on this machine. A second call changes nothing.
    pub fn allow(&self, credentials: Credentials) {
        let _ = self.0.set(credentials);
    }

    /// Returns the credentials if the request came directly from this machine and names it in `Host`.
    ///
    /// The check of `Host` prevents DNS rebinding: a site cannot point its own name at this machine.
    pub(crate) fn for_request(&self, parts: &Parts) -> Option<&Credentials> {
        let is_local = parts.extensions.get::<Peer>().is_none_or(|peer| peer.0.to_canonical().is_loopback());
        let is_direct = !FORWARDED.iter().any(|name| parts.headers.contains_key(*name));
        self.0.get().filter(|_| is_local && is_direct && host(&parts.headers).is_some_and(names_this_machine))
    }
}

/// The `Host` of a request, with its port.
pub(crate) fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether a page of this server sent this form.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), host(headers)) {
        (Some(site), ..) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::names_this_machine;

    #[test]
    fn only_loopback_names_are_this_machine() {
        for host in ["localhost", "LOCALHOST:8787", "127.0.0.1:8787", "127.0.0.1", "[::1]:8787", "[::1]"] {
            assert!(names_this_machine(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8787", "192.168.1.2:8787", "127.0.0.1.nip.io", "0.0.0.0"]
        {
            assert!(!names_this_machine(host), "{host}");
        }
    }
}
