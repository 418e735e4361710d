//! The third-party OAuth server and its test API.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use terra_auth_cli_testkit::{
    Server,
    http::{Reply, send},
};

/// The OAuth server. It is killed when dropped.
pub(crate) struct OAuthServer {
    server: Server,
}

/// One call of its token endpoint.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exchange {
    #[serde(default)]
    grant_type: String,
    /// The refresh token that was sent.
    pub(crate) sent: Option<String>,
    #[serde(default)]
    answer: Value,
}

impl Exchange {
    /// Whether it is a refresh. False until the provider has read the request.
    pub(crate) fn is_refresh(&self) -> bool {
        self.grant_type == "refresh_token"
    }

    pub(crate) fn access_token(&self) -> String {
        self.answer["access_token"].as_str().unwrap_or_else(|| panic!("no tokens: {self:?}")).to_owned()
    }

    pub(crate) fn refresh_token(&self) -> String {
        self.answer["refresh_token"].as_str().unwrap_or_else(|| panic!("no tokens: {self:?}")).to_owned()
    }

    /// Both issued tokens.
    pub(crate) fn tokens(&self) -> [String; 2] {
        [self.access_token(), self.refresh_token()]
    }
}

impl OAuthServer {
    pub(crate) fn start(redirect_uri: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(root("tests/oauth/provider.mjs")).arg(redirect_uri).stdin(Stdio::piped());
        Self { server: Server::start(&mut command) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.origin())
    }

    /// Its recipe, as an operator writes it.
    pub(crate) fn recipe(&self, refresh: &str) -> String {
        let url = self.server.origin();
        format!(
            r#"[[provider]]
provider = "ACME"
name = "Acme Health"
types = ["activity", "sleep"]

[provider.login]
authorize_url = "{url}/auth"
authorize_params = {{ prompt = "consent" }}
token_url = "{url}/token"
client_auth = "basic"
scopes = ["openid", "offline_access", "activity", "sleep"]
identity = {{ url = "{url}/me", field = "sub" }}
issuer = "{url}"
refresh = {{ {refresh} }}
revoke = {{ url = "{url}/token/revocation", client_auth = "basic" }}
"#
        )
    }

    /// Every call of its token endpoint so far.
    pub(crate) async fn exchanges(&self) -> Vec<Exchange> {
        let reply = send(Method::GET, &self.url("/test/exchanges"), &[], String::new()).await.unwrap();
        serde_json::from_str(&reply.text).unwrap()
    }

    /// Changes its settings; `provider.mjs` documents them.
    pub(crate) async fn set(&self, settings: Value) {
        let reply = send(Method::POST, &self.url("/test/settings"), &[], settings.to_string()).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }

    /// Whether a token is active, by introspection (RFC 7662).
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer: Value = serde_json::from_str(&self.ask("/token/introspection", token).await.text).unwrap();
        answer["active"].as_bool().unwrap()
    }

    /// Which of these tokens are active.
    pub(crate) async fn active<const N: usize>(&self, tokens: &[String; N]) -> [bool; N] {
        let mut active = [false; N];
        for (token, active) in tokens.iter().zip(&mut active) {
            *active = self.is_active(token).await;
        }
        active
    }

    /// Revokes a grant without notifying our server (RFC 7009).
    pub(crate) async fn revoke(&self, refresh_token: &str) {
        self.ask("/token/revocation", refresh_token).await;
    }

    async fn ask(&self, path: &str, token: &str) -> Reply {
        let basic = format!("Basic {}", BASE64.encode("acme:test-key-not-a-secret"));
        let headers = [("authorization", &*basic), ("content-type", "application/x-www-form-urlencoded")];
        let reply = send(Method::POST, &self.url(path), &headers, format!("token={token}")).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply
    }
}

pub(crate) fn root(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", path].iter().collect()
}
