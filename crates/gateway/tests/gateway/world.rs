//! A server, a gateway in front of it, and the app's users; the clock of all stands still at 2030-01-01.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use terra_auth::{Credentials, Environment, SigningSecret};
use terra_auth_core::{
    Auth,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_delivery::{DeliveryWorker, Log};
use terra_auth_egress::AddressPolicy;
use terra_auth_gateway::{Config, Dependencies, EndUser, Gateway, Login, LoginError, RequestCredentials, Settings};
use terra_auth_http::{ServerLimits, Workers};
use terra_auth_model::{
    clock::Clock,
    keys::{KeyRing, MasterKey},
    provider::ClientCredentials,
    store::Store,
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{CountingEntropy, FixedClock};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use url::Url;

pub(crate) const FORWARD_SECRET: &str = "forward-secret-not-a-secret";

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) keys: IssuedCredentials,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) gateway: Gateway,
    /// Where the gateway listens.
    pub(crate) url: Url,
    /// Where the server listens.
    pub(crate) server: Url,
    router: Router,
}

/// The app's own login: `x-user` says who it is, `x-cookie` that the browser sent it by itself.
pub(crate) struct AppLogin;

#[async_trait]
impl Login for AppLogin {
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError> {
        let Some(user) = request.headers.get("x-user") else { return Ok(None) };
        let reference_id = user.to_str().ok().and_then(|user| user.parse().ok());
        let reference_id = reference_id.ok_or(LoginError::Refused("no user can have this name"))?;
        Ok(Some(EndUser { reference_id, sent_by_browser: request.headers.contains_key("x-cookie") }))
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and detail of a problem.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (text("message"), text("status"), text("type")),
            (text("detail"), "error".into(), "about:blank".into())
        );
        (self.status.as_u16(), text("code"), text("detail"))
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// With these settings, as TOML.
    pub(crate) async fn with(settings: &str) -> Self {
        let clock = Arc::new(FixedClock::default());
        let [(server_listener, server), (listener, url)] = [free_port().await, free_port().await];
        let auth = server_of(&clock, &server);
        let destination = Some(url.join("webhooks/terra").unwrap());
        let new = NewDeveloper {
            environment: Environment::Testing,
            name: "Acme".to_owned(),
            destination,
            bound_tokens_only: false,
        };
        let keys = auth.create_developer(&Admin::local("tests"), new).await.unwrap();
        serve(server_listener, terra_auth_server::router(auth.clone()));
        let parts = Dependencies {
            store: Store::new(Sqlite::in_memory().unwrap()),
            clock: clock.clone(),
            entropy: Arc::new(CountingEntropy::default()),
        };
        let gateway = Gateway::new(&config(settings, credentials(&keys, &server)), parts).unwrap();
        let router = gateway.router();
        serve(listener, router.clone());
        Self { auth, keys, clock, gateway, url, server, router }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        credentials(&self.keys, &self.server)
    }

    /// Lets the server deliver everything that is due.
    pub(crate) async fn deliver(&self) {
        let worker =
            DeliveryWorker::new(self.auth.clone(), AddressPolicy::AllowPrivate, Arc::new(Log::default())).unwrap();
        worker.run_once().await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer_of(&self.router, request).await
    }

    pub(crate) async fn call(&self, user: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("x-user", user);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn connections(&self, user: &str) -> Vec<Value> {
        let answer = self.call(user, "GET", "/api/terra/connections", Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["connections"].as_array().unwrap().clone()
    }

    /// A connection made the way a mobile app makes it; its user id.
    pub(crate) async fn connect(&self, user: &str, device: &str) -> String {
        let minted = self.call(user, "POST", "/api/terra/mobile-token", Value::Null).await;
        assert_eq!(minted.status, 200, "{minted:?}");
        let user_id = self.redeem(minted.json()["token"].as_str().unwrap(), device).await;
        self.deliver().await;
        user_id
    }

    /// What the mobile SDK does with a token.
    pub(crate) async fn redeem(&self, token: &str, device: &str) -> String {
        let request = Request::post("/v2/auth/authenticateSDKUser")
            .header("dev-id", self.keys.dev_id.as_str())
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        let body = json!({ "resource": "APPLE", "resource_user_identifier": device });
        let router = terra_auth_server::router(self.auth.clone());
        let answer = answer_of(&router, request.body(Body::from(body.to_string())).unwrap()).await;
        answer.json()["user_id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

pub(crate) fn config(settings: &str, credentials: Credentials) -> Config {
    Config {
        settings: Settings::from_toml(settings, "gateway.toml").unwrap(),
        credentials,
        forward_secret: Some(SigningSecret::from(FORWARD_SECRET.to_owned())),
        jwt_secret: None,
        proxy_secret: None,
        logins: vec![Arc::new(AppLogin)],
    }
}

fn credentials(keys: &IssuedCredentials, server: &Url) -> Credentials {
    let mut credentials = Credentials::new(Environment::Testing, keys.dev_id.clone(), keys.api_key.clone());
    credentials.api_url = server.join("v2").unwrap();
    credentials.widget_url = server.clone();
    credentials.signing_secret = Some(keys.signing_secret.clone());
    credentials
}

fn server_of(clock: &Arc<FixedClock>, url: &Url) -> Auth {
    let client = ClientCredentials::new("tests", "not-a-secret");
    let recipes = Recipes::sandbox(&url.join("sandbox").unwrap()).unwrap();
    let of = |_: &_| Some(client.clone());
    let providers = OAuthProviders::new(recipes, of, AddressPolicy::AllowPrivate, clock.clone()).unwrap();
    Auth::new(terra_auth_core::Dependencies {
        store: Store::new(Sqlite::in_memory().unwrap()),
        clock: clock.clone(),
        entropy: Arc::new(CountingEntropy::default()),
        keys: KeyRing::new(&MasterKey([7; 32].into())),
        directory: Directory::default(),
        providers: Arc::new(providers),
        widget_url: url.clone(),
        outbox: Outbox::default(),
    })
}

pub(crate) async fn free_port() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    (listener, url)
}

pub(crate) fn serve(listener: TcpListener, router: Router) {
    let workers = Workers::of_this_thread();
    tokio::spawn(terra_auth_http::serve(listener, router, ServerLimits::default(), workers, std::future::pending()));
}

pub(crate) async fn answer_of(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(to_bytes(body, 1 << 24).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}
