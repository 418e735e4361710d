//! The URLs of calls. Source: "Hosts" in `docs/compatibility.md`.

use url::Url;

use crate::{
    Credentials, CredentialsError,
    hosted::{check, origin},
};

/// The base URLs of calls.
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

    /// Returns the URL of an API call, such as `auth/tokens`.
    pub(crate) fn api(&self, path: &str) -> Url {
        below(&self.api, path)
    }

    /// Returns the URL of a call to the widget's host.
    pub(crate) fn widget(&self, path: &str) -> Url {
        below(&self.widget, path)
    }

    /// Returns the HTTP URL of a call to the streaming host.
    pub(crate) fn streaming(&self, path: &str) -> Url {
        below(&self.streaming, path)
    }
}

/// The older API host does not have the current widget call and the admin API; the newer host has them.
pub(crate) fn widget_base(api: &Url) -> Url {
    let mut base = origin(api, api.scheme());
    if base.host_str() == Some("api.tryterra.co") {
        // Cannot fail: the name is a valid host, and the scheme allows one.
        let _ = base.set_host(Some("access.tryterra.co"));
    }
    base
}

/// Streaming tokens are created over HTTP. The host in Terra's guides has neither this call nor the socket.
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
    use super::Endpoints;
    use crate::hosted::check;
    use crate::hosted::origin;
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
    fn the_real_streaming_host_creates_its_tokens_itself() {
        let hosted = endpoints("https://api.tryterra.co/v2", "wss://ws.tryterra.co");
        assert_eq!(hosted.streaming("auth/user").as_str(), "https://ws.tryterra.co/auth/user");
    }

    #[test]
    fn a_self_hosted_server_has_everything_on_one_origin() {
        let own = endpoints("http://127.0.0.1:8080/api/v2/", "ws://127.0.0.1:8080/connect");
        assert_eq!(own.api("userInfo").as_str(), "http://127.0.0.1:8080/api/v2/userInfo");
        assert_eq!(own.widget("api/widget/session").as_str(), "http://127.0.0.1:8080/api/widget/session");
        assert_eq!(own.streaming("auth/developer").as_str(), "http://127.0.0.1:8080/auth/developer");
    }

    #[test]
    fn keys_are_sent_unencrypted_only_to_this_machine() {
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
