//! Which address a call goes to. Source: "Hosts" in `docs/compatibility.md`.

use url::{Host, Url};

use crate::{Credentials, CredentialsError, private_http};

/// The bases that calls are made on.
pub(crate) struct Endpoints {
    api: Url,
    widget: Url,
    streaming: Url,
}

impl Endpoints {
    pub(crate) fn of(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let given = credentials.source.clone();
        let invalid =
            |key: &'static str| move |problem| CredentialsError::Invalid { place: given.into(), key, problem };
        check(&credentials.api_url, ["https", "http"]).map_err(invalid.clone()("TERRA_API_URL"))?;
        check(&credentials.streaming_url, ["wss", "ws"]).map_err(invalid("TERRA_STREAMING_URL"))?;
        let (api, widget) = (credentials.api_url.clone(), widget_base(&credentials.api_url));
        Ok(Self { api, widget, streaming: streaming_base(&credentials.streaming_url) })
    }

    /// A call of the API proper, such as `auth/tokens`.
    pub(crate) fn api(&self, path: &str) -> Url {
        below(&self.api, path)
    }

    /// A call that the widget's host answers.
    pub(crate) fn widget(&self, path: &str) -> Url {
        below(&self.widget, path)
    }

    /// A call that the streaming host answers over HTTP.
    pub(crate) fn streaming(&self, path: &str) -> Url {
        below(&self.streaming, path)
    }
}

/// Whether keys may be sent there: encrypted, or not leaving the machine, or the private network where that is allowed. The schemes are the encrypted and the plain one.
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

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `true` for the hosts that Terra itself runs.
pub(crate) fn is_hosted(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "tryterra.co" || host.ends_with(".tryterra.co"))
}

/// The API's own origin with another scheme and no path.
pub(crate) fn origin(url: &Url, scheme: &str) -> Url {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{scheme}://{host}{port}").parse().unwrap_or_else(|_| url.clone())
}

/// The older API host does not answer the current widget call and the admin API; the newer one does.
pub(crate) fn widget_base(api: &Url) -> Url {
    let mut base = origin(api, api.scheme());
    if base.host_str() == Some("api.tryterra.co") {
        // Cannot fail: the name is a host and the scheme has one.
        let _ = base.set_host(Some("access.tryterra.co"));
    }
    base
}

/// Streaming tokens are minted over HTTP. The address that Terra's guides name has neither them nor the socket.
fn streaming_base(streaming: &Url) -> Url {
    let mut base = origin(streaming, if streaming.scheme() == "ws" { "http" } else { "https" });
    if base.host_str() == Some("streaming.tryterra.co") {
        let _ = base.set_host(Some("ws.tryterra.co"));
    }
    base
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::{Endpoints, check, origin};
    use crate::{Credentials, Environment};

    fn endpoints(api: &str, streaming: &str) -> Endpoints {
        let dev_id = "acme-testing-0000000000".parse().unwrap();
        let mut credentials = Credentials::new(Environment::Testing, dev_id, "test-key-not-a-secret".into());
        credentials.api_url = api.parse().unwrap();
        credentials.streaming_url = streaming.parse().unwrap();
        Endpoints::of(&credentials).unwrap()
    }

    #[test]
    fn the_hosted_api_has_its_newer_calls_on_other_hosts() {
        let hosted = endpoints("https://api.tryterra.co/v2", "wss://streaming.tryterra.co");
        assert_eq!(hosted.api("auth/tokens").as_str(), "https://api.tryterra.co/v2/auth/tokens");
        assert_eq!(hosted.widget("widget/session").as_str(), "https://access.tryterra.co/widget/session");
        assert_eq!(hosted.streaming("auth/user").as_str(), "https://ws.tryterra.co/auth/user");
    }

    #[test]
    fn the_real_streaming_host_mints_its_tokens_itself() {
        let hosted = endpoints("https://api.tryterra.co/v2", "wss://ws.tryterra.co");
        assert_eq!(hosted.streaming("auth/user").as_str(), "https://ws.tryterra.co/auth/user");
    }

    #[test]
    fn a_server_of_ones_own_has_everything_on_one_origin() {
        let own = endpoints("http://127.0.0.1:8080/api/v2/", "ws://127.0.0.1:8080/connect");
        assert_eq!(own.api("userInfo").as_str(), "http://127.0.0.1:8080/api/v2/userInfo");
        assert_eq!(own.widget("api/widget/session").as_str(), "http://127.0.0.1:8080/api/widget/session");
        assert_eq!(own.streaming("auth/developer").as_str(), "http://127.0.0.1:8080/auth/developer");
    }

    #[test]
    fn keys_go_unencrypted_only_to_this_machine() {
        let allowed = |text: &str| check(&text.parse().unwrap(), ["https", "http"]).is_ok();
        for good in ["https://terra.example.com", "http://localhost:1/v2", "http://127.9.9.9", "http://[::1]:80"] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://terra.example.com",
            "http://localhost.example.com",
            "ftp://localhost",
            "https://user:pass@terra.example.com",
            "https://terra.example.com?key=1",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_keeps_its_port_and_an_ipv6_host() {
        let url = "http://[::1]:8080/v2".parse().unwrap();
        assert_eq!(origin(&url, "ws").as_str(), "ws://[::1]:8080/");
    }
}
