//! The host names under which the gateway accepts credentials that a browser sends by itself.
//!
//! DNS rebinding: any site can point its own name to this machine, and its pages are then of the
//! same origin as the gateway. Only the `Host` header shows that the name is not the gateway's own.
//! Callers with a key or token of their own, and health checks, may use any name.

use std::net::IpAddr;

use http::{StatusCode, request};

use crate::{error::ApiError, settings::Settings, setup::SetupError};

/// The allowed host names.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// `None` allows any name, for an app that embeds the gateway: only the app knows its names.
    names: Option<Vec<Pattern>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Name(String),
    /// All subdomains of this name, which begins with a dot.
    Below(String),
}

impl Hosts {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let names: Vec<_> = settings.public_hosts.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
        let is_embedded = settings.listen.is_none() && names.is_empty();
        Ok(Self { names: (!is_embedded).then_some(names) })
    }

    /// Rejects a request whose `Host` is not allowed.
    pub(crate) fn check(&self, request: &request::Parts) -> Result<(), ApiError> {
        let header = request.headers.get("host").map(|host| host.to_str().unwrap_or_default());
        let target = request.uri.authority().map(http::uri::Authority::as_str);
        match [header, target].into_iter().flatten().find(|host| !self.allows(host)) {
            None => Ok(()),
            Some(host) => {
                let name = name_of(host);
                let detail = format!(
                    "this gateway does not accept logins under the host {name:?}; if the host is yours, add it with --public-host, or \
                     to public_hosts in gateway.toml"
                );
                Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, detail).with_code("unknown_host"))
            }
        }
    }

    /// Addresses and names without a dot are allowed: neither can be registered by another site.
    fn allows(&self, host: &str) -> bool {
        let Some(patterns) = &self.names else { return true };
        let name = name_of(host);
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        is_address
            || (!name.contains('.') && !name.is_empty())
            || name.ends_with(".localhost")
            || patterns.iter().any(|pattern| pattern.fits(&name))
    }
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => own == name,
            Self::Below(parent) => name.ends_with(&**parent),
        }
    }
}

fn read(text: &str) -> Result<Pattern, SetupError> {
    let name = text.trim().to_ascii_lowercase();
    let (is_pattern, rest) = match name.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, &*name),
    };
    let is_name = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(c));
    match (name == "*", is_pattern && rest.contains('.'), is_name) {
        (true, ..) => Ok(Pattern::Any),
        (_, true, true) => Ok(Pattern::Below(format!(".{rest}"))),
        (_, false, true) if !is_pattern => Ok(Pattern::Name(name_of(rest))),
        _ => {
            let problem = format!("{text:?} is not a host; write it like gateway.example.com or *.example.com");
            Err(SetupError::invalid("public_hosts", problem))
        }
    }
}

/// The host in lower case, without its port and a final dot.
fn name_of(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::Hosts;
    use crate::settings::Settings;

    fn hosts(names: &[&str]) -> Hosts {
        let public_hosts = names.iter().map(|name| (*name).to_owned()).collect();
        let settings = Settings { listen: "0.0.0.0:8790".parse().ok(), public_hosts, ..Settings::default() };
        Hosts::new(&settings).unwrap()
    }

    fn allows(hosts: &Hosts, host: &str) -> bool {
        let (parts, ()) = Request::get("/").header("host", host).body(()).unwrap().into_parts();
        hosts.check(&parts).is_ok()
    }

    #[test]
    fn a_name_that_another_site_could_register_must_be_configured() {
        let hosts = hosts(&["gateway.example.com", "*.apps.example", "[fd00::1]:8790"]);
        for host in [
            "gateway.example.com",
            "GATEWAY.example.com:443",
            "gateway.example.com.",
            "one.apps.example",
            "localhost:8790",
            "app.localhost",
            "127.0.0.1:8790",
            "10.0.2.2",
            "[::1]:8790",
            "gateway:8790",
        ] {
            assert!(allows(&hosts, host), "{host}");
        }
        for host in [
            "rebound.evil.example",
            "rebound.evil.example:8790",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "apps.example",
            "oneapps.example",
            "gateway.example.com.evil.example",
            "",
        ] {
            assert!(!allows(&hosts, host), "{host}");
        }
    }

    #[test]
    fn the_request_target_is_checked_too_and_an_embedding_app_allows_any_name() {
        let proxied = Request::get("http://evil.example/").header("host", "localhost").body(()).unwrap();
        assert!(hosts(&[]).check(&proxied.into_parts().0).is_err());
        assert!(allows(&hosts(&["*"]), "any.example"));
        assert!(allows(&Hosts::new(&Settings::default()).unwrap(), "any.example"));
    }

    #[test]
    fn a_setting_that_is_not_a_host_is_rejected() {
        for text in ["", "https://gateway.example", "a b", "*.com", "**", "*x.example", "user@gateway.example"] {
            let settings = Settings { public_hosts: vec![text.to_owned()], ..Settings::default() };
            assert!(Hosts::new(&settings).is_err(), "{text:?}");
        }
    }
}
