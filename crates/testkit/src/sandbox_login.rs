//! The practice provider over real HTTP, and a scripted browser for its pages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use jiff::Timestamp;
use reqwest::{RequestBuilder, header::LOCATION, redirect::Policy};
use terra_auth_egress::AddressPolicy;
use terra_auth_model::{
    clock::Clock,
    provider::{AuthorizationRequest, ClientCredentials, CodeExchange, Grant, ProviderError, Providers},
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_sandbox::{Endpoint, ProviderProfile, Sandbox, SandboxConfig};
use terra_auth_types::Provider;
use url::Url;

use crate::http;

/// The redirect URI of the app.
pub const CALLBACK: &str = "https://app.example/auth/callback";
/// The pair of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The code verifier.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The code challenge of [`VERIFIER`].
pub const START: i64 = 1_893_456_000;
/// A client id that needs form-encoding in HTTP Basic.
const CLIENT_ID: &str = "demo:app";

/// A fixed clock.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(START).unwrap()
    }
}

/// A practice provider on loopback, and its client.
pub struct Login {
    /// The provider.
    pub sandbox: Sandbox,
    /// The client of the provider.
    pub providers: Arc<OAuthProviders>,
    browser: reqwest::Client,
}

impl Login {
    /// Starts it with the recipes of its own profiles.
    pub async fn start() -> Self {
        Self::start_with(|sandbox| {
            Recipes::sandbox(&sandbox.endpoint(&ProviderProfile::OURA, Endpoint::Token).join("..").unwrap()).unwrap()
        })
        .await
    }

    /// Starts it with other recipes.
    pub async fn start_with(recipes: impl Fn(&Sandbox) -> Recipes) -> Self {
        let (listener, url) = http::listen().await;
        let config = SandboxConfig {
            base_url: url.join("sandbox").unwrap(),
            app_name: "Acme Health".to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: "test key+not a secret".into(),
            redirect_uris: vec![CALLBACK.parse().unwrap()],
            access_token_ttl: Duration::from_hours(8),
            code_ttl: Duration::from_mins(10),
        };
        let sandbox = Sandbox::new(config, Arc::new(|| Still.now()), entropy());
        http::answer(listener, Router::new().nest("/sandbox", sandbox.router()));
        let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let providers = Arc::new(providers(recipes(&sandbox), "test key+not a secret"));
        Self { sandbox, providers, browser }
    }

    /// Logs in as "demo" and grants these scopes. Returns the redirect URL.
    pub async fn log_in(&self, face: &ProviderProfile, scopes: &[&str]) -> Url {
        let request = AuthorizationRequest {
            state: "a state & more".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            redirect_uri: CALLBACK.parse().unwrap(),
        };
        let url = self.providers.authorization_url(&provider(face), None, &request).unwrap();
        let page = text(self.browser.get(url.clone())).await;
        let form = [("handle", handle(&page)), ("account", "demo")];
        let page = text(self.browser.post(url.join("login").unwrap()).form(&form)).await;
        let mut form = vec![("handle", handle(&page)), ("decision", "approve")];
        form.extend(scopes.iter().map(|scope| ("scope", *scope)));
        let answer = self.browser.post(url.join("consent").unwrap()).form(&form).send().await.unwrap();
        answer.headers()[LOCATION].to_str().unwrap().parse().unwrap()
    }

    /// The code of a login that grants all scopes.
    pub async fn code(&self, face: &ProviderProfile) -> String {
        param(&self.log_in(face, &all_scopes(face)).await, "code").unwrap()
    }

    /// Exchanges a code.
    pub async fn exchange(&self, face: &ProviderProfile, code: &str) -> Result<Grant, ProviderError> {
        self.providers.exchange(&provider(face), None, &code_exchange(code)).await
    }

    /// Exchanges the code of a redirect.
    pub async fn arrive(&self, face: &ProviderProfile, redirect: &Url) -> Result<Grant, ProviderError> {
        let scope = param(redirect, "scope");
        let exchange = CodeExchange { scope, ..code_exchange(&param(redirect, "code").unwrap()) };
        self.providers.exchange(&provider(face), None, &exchange).await
    }

    /// Logs in and exchanges the code.
    pub async fn grant(&self, face: &ProviderProfile) -> Grant {
        self.exchange(face, &self.code(face).await).await.unwrap()
    }
}

/// Providers with these recipes, which can call loopback.
#[must_use]
pub fn providers(recipes: Recipes, client_secret: &str) -> OAuthProviders {
    let credentials = ClientCredentials::new(CLIENT_ID, client_secret);
    OAuthProviders::new(recipes, |_| Some(credentials.clone()), AddressPolicy::AllowPrivate, Arc::new(Still)).unwrap()
}

/// The exchange of a code for [`CALLBACK`].
#[must_use]
pub fn code_exchange(code: &str) -> CodeExchange {
    CodeExchange {
        code: code.into(),
        code_verifier: VERIFIER.into(),
        redirect_uri: CALLBACK.parse().unwrap(),
        scope: None,
        reference_id: None,
    }
}

/// The name of a profile.
#[must_use]
pub fn provider(face: &ProviderProfile) -> Provider {
    face.slug.parse().unwrap()
}

/// All scopes of a profile.
#[must_use]
pub fn all_scopes(face: &ProviderProfile) -> Vec<&'static str> {
    face.scopes.iter().map(|scope| scope.name).collect()
}

/// A query parameter of a URL.
#[must_use]
pub fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn text(request: RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap()
}

fn handle(page: &str) -> &str {
    page.split_once(r#"name="handle" value=""#).unwrap().1.split('"').next().unwrap()
}

fn entropy() -> terra_auth_sandbox::Entropy {
    let drawn = AtomicU64::new(1);
    Arc::new(move |bytes| bytes[..8].copy_from_slice(&drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes()))
}
