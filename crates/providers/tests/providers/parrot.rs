//! A provider that answers as it is told.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
};
use terra_auth_model::provider::{
    Grant, ProviderError, Providers, RefreshError, Refreshed, RevokeError, Revoked, Tokens,
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_testkit::{
    http,
    sandbox_login::{code_exchange, providers},
};
use url::Url;

/// A provider that answers everything the same and remembers the calls.
#[derive(Clone)]
pub(crate) struct Parrot {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

impl Parrot {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { status, headers: HeaderMap::new(), body: body.to_owned(), heard: Arc::default() }
    }

    /// The provider ACME as `login` describes it, with the parrot at `{here}`.
    pub(crate) async fn providers(&self, login: &str) -> OAuthProviders {
        let here = http::serve(Router::new().fallback(repeat).with_state(self.clone())).await;
        providers(recipes(login, &here), "test-key-not-a-secret")
    }

    pub(crate) async fn exchange(&self, login: &str) -> Result<Grant, ProviderError> {
        self.providers(login).await.exchange(&"ACME".parse().unwrap(), None, &code_exchange("a code")).await
    }

    pub(crate) async fn revoke(&self, revoke: &str) -> Result<Revoked, RevokeError> {
        let providers = self.providers(&format!("{PLAIN}\nrevoke = {revoke}")).await;
        providers.revoke(&"ACME".parse().unwrap(), None, Some("a/7"), &tokens()).await
    }

    pub(crate) async fn refresh(&self, refresh: &str) -> Result<Refreshed, RefreshError> {
        let providers = self.providers(&format!("{PLAIN}\n{refresh}")).await;
        providers.refresh(&"ACME".parse().unwrap(), None, &tokens()).await
    }

    /// All calls since the last time, in order.
    pub(crate) fn all_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// The last call.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.heard.lock().unwrap().pop()
    }
}

pub(crate) async fn repeat(
    State(parrot): State<Parrot>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let heard = Heard {
        method,
        path: uri.to_string(),
        authorization: headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    parrot.heard.lock().unwrap().push(heard);
    (parrot.status, parrot.headers, parrot.body)
}

pub(crate) const PLAIN: &str = r#"
authorize_url = "{here}authorize?tenant=acme"
token_url = "{here}token"
client_auth = "body"
identity = { field = "user_id" }"#;

pub(crate) fn recipes(login: &str, here: &Url) -> Recipes {
    let text = format!("[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = []\n[provider.login]\n{login}");
    Recipes::from_toml(&text.replace("{here}", here.as_str()), "own.toml").unwrap()
}

pub(crate) fn tokens() -> Tokens {
    Tokens { access_token: "access-1".into(), refresh_token: Some("refresh-1".into()), expires_at: None }
}
