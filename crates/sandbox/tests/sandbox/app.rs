//! A test app that acts as browser and server, with a clock that the test sets and entropy from a counter.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failing helper must fail its test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use terra_auth_sandbox::{
    ProviderProfile, SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER, Sandbox, SandboxConfig, TokenEndpoints,
};
use tower::ServiceExt;
use url::{Url, form_urlencoded};

pub(crate) const CLIENT_ID: &str = "demo-app";
pub(crate) const CLIENT_SECRET: &str = "test-key-not-a-secret";
pub(crate) const CALLBACK: &str = "https://app.example/callback?from=sandbox";
/// The PKCE pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) type Pairs<'a> = [(&'a str, &'a str)];

pub(crate) struct App {
    pub(crate) sandbox: Sandbox,
    router: Router,
    seconds: Arc<AtomicI64>,
}

pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl App {
    pub(crate) fn start() -> Self {
        let config = SandboxConfig {
            base_url: url("http://sandbox.example/sandbox"),
            app_name: "Acme <Health>".to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            redirect_uris: vec![url("https://app.example/other"), url(CALLBACK)],
            access_token_ttl: Duration::from_hours(8),
            code_ttl: Duration::from_mins(10),
        };
        let seconds = Arc::new(AtomicI64::new(1_893_456_000));
        let clock = Arc::clone(&seconds);
        let clock = Arc::new(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap());
        let drawn = AtomicU64::new(1);
        let entropy = Arc::new(move |bytes: &mut [u8]| {
            bytes[..8].copy_from_slice(&drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        });
        let sandbox = Sandbox::new(config, clock, entropy);
        Self { router: Router::new().nest("/sandbox", sandbox.router()), sandbox, seconds }
    }

    pub(crate) fn advance_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> TestResponse {
        self.try_call(request).await.expect("the connection was closed")
    }

    /// Returns `None` if the connection is closed.
    async fn try_call(&self, request: Request<Body>) -> Option<TestResponse> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(TestResponse {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    pub(crate) async fn get(&self, path: &str, authorization: Option<&str>) -> TestResponse {
        let mut request = Request::get(format!("/sandbox/{path}"));
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.call(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &Pairs<'_>, authorization: Option<&str>) -> TestResponse {
        self.call(post(path, form, authorization)).await
    }

    /// Calls with any method, with these headers and without a body.
    pub(crate) async fn bare(&self, method: Method, path: &str, headers: &Pairs<'_>) -> TestResponse {
        let mut request = Request::builder().method(method).uri(format!("/sandbox/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn authorize(&self, face: &ProviderProfile, request: &Pairs<'_>) -> TestResponse {
        self.get(&format!("{}/authorize?{}", face.slug, encode(request)), None).await
    }

    /// Opens the sign-in page and returns its hidden handle.
    pub(crate) async fn open_sign_in_page(&self, face: &ProviderProfile, scope: &str) -> String {
        let page = self.authorize(face, &with(&good_request(), "scope", scope)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        page.handle()
    }

    /// Signs in as `name` and returns the handle.
    pub(crate) async fn sign_in(&self, face: &ProviderProfile, scope: &str, name: &str) -> String {
        let handle = self.open_sign_in_page(face, scope).await;
        let page = self.post(&format!("{}/login", face.slug), &[("handle", &handle), ("account", name)], None).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        page.handle()
    }

    /// Signs in as "demo", checks these scopes and submits the decision. Returns the redirect target.
    pub(crate) async fn decide(&self, face: &ProviderProfile, decision: &str, ticked: &[&str]) -> Url {
        let asked = ticked.join(face.scope_separator.encode_utf8(&mut [0; 4]));
        let handle = self.sign_in(face, &asked, "demo").await;
        let mut form = vec![("handle", handle.as_str()), ("decision", decision)];
        form.extend(ticked.iter().map(|scope| ("scope", *scope)));
        self.post(&format!("{}/consent", face.slug), &form, None).await.location()
    }

    /// Signs in as "demo" on this page, approves one scope and returns the code.
    pub(crate) async fn approve(&self, face: &ProviderProfile, login: &TestResponse, scope: &str) -> String {
        let form = [("handle", &*login.handle()), ("account", "demo")];
        let page = self.post(&format!("{}/login", face.slug), &form, None).await;
        let form = [("handle", &*page.handle()), ("decision", "approve"), ("scope", scope)];
        param(&self.post(&format!("{}/consent", face.slug), &form, None).await.location(), "code").unwrap()
    }

    pub(crate) async fn code(&self, face: &ProviderProfile, scopes: &[&str]) -> String {
        param(&self.decide(face, "approve", scopes).await, "code").unwrap()
    }

    /// Sends a token call in the provider's format, with the client's id and secret in the body.
    pub(crate) async fn token(&self, face: &ProviderProfile, form: &Pairs<'_>) -> TestResponse {
        self.try_token(face, form).await.expect("the connection was closed")
    }

    pub(crate) async fn try_token(&self, face: &ProviderProfile, form: &Pairs<'_>) -> Option<TestResponse> {
        let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        let form = [form, face.token_params, &client].concat();
        if face.token_endpoints == TokenEndpoints::SeparateRefresh && form.contains(&("grant_type", "refresh_token")) {
            return self.try_call(post(&format!("{}/refresh-token?{}", face.slug, encode(&form)), &[], None)).await;
        }
        self.try_call(post(&format!("{}/token", face.slug), &form, None)).await
    }

    pub(crate) async fn exchange(&self, face: &ProviderProfile, code: &str) -> TestResponse {
        self.token(face, &good_exchange(code)).await
    }

    pub(crate) async fn refresh(&self, face: &ProviderProfile, token: &str) -> TestResponse {
        self.token(face, &good_refresh(token)).await
    }

    /// Connects with all scopes of the provider and returns the token response.
    pub(crate) async fn connect(&self, face: &ProviderProfile) -> Value {
        let scopes: Vec<_> = face.scopes.iter().map(|scope| scope.name).collect();
        let code = self.code(face, &scopes).await;
        self.exchange(face, &code).await.tokens()
    }

    /// Sends a data call and returns its status: 200 for a valid access token.
    pub(crate) async fn data(&self, face: &ProviderProfile, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), (SUBSCRIPTION_KEY_HEADER, SUBSCRIPTION_KEY)];
        self.bare(Method::GET, &format!("{}/data", face.slug), &headers).await.status.as_u16()
    }

    /// Returns the response of the introspection.
    pub(crate) async fn introspect(&self, face: &ProviderProfile, token: &str) -> Value {
        let form = [("token", token), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        self.post(&format!("{}/introspect", face.slug), &form, None).await.json()
    }

    /// Whether a token is active, by introspection.
    pub(crate) async fn is_active(&self, face: &ProviderProfile, token: &str) -> bool {
        self.introspect(face, token).await["active"] == true
    }

    pub(crate) async fn userinfo(&self, face: &ProviderProfile, token: &str) -> TestResponse {
        self.get(&format!("{}/userinfo", face.slug), Some(&format!("Bearer {token}"))).await
    }
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the fields of a token response, without the envelope.
    pub(crate) fn tokens(&self) -> Value {
        let answer = self.json();
        answer.get("body").cloned().unwrap_or(answer)
    }

    /// Returns the status and the code of an error: `error`, or `errorType` if errors are a list.
    pub(crate) fn oauth_error(&self) -> (u16, String) {
        let json = self.json();
        let error = json.pointer("/errors/0").map_or_else(|| text(&json, "error"), |error| text(error, "errorType"));
        (self.status.as_u16(), error)
    }

    pub(crate) fn location(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        url(self.header("location"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn handle(&self) -> String {
        let (_, rest) = self.text.split_once(r#"name="handle" value=""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

pub(crate) fn good_request() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", CALLBACK),
        ("state", "a state & more"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(crate) fn good_exchange(code: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]
}

pub(crate) fn good_refresh(token: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "refresh_token"), ("refresh_token", token)]
}

/// Returns the pairs with one value replaced, or removed if the value is empty.
pub(crate) fn with<'a>(pairs: &Pairs<'a>, name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = pairs.iter().copied().filter(|(key, _)| *key != name).collect();
    pairs.extend((!value.is_empty()).then_some((name, value)));
    pairs
}

pub(crate) fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub(crate) fn text(json: &Value, field: &str) -> String {
    json[field].as_str().unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
}

fn post(path: &str, form: &Pairs<'_>, authorization: Option<&str>) -> Request<Body> {
    let mut request = Request::post(format!("/sandbox/{path}"));
    request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(Body::from(encode(form))).unwrap()
}

fn encode(pairs: &Pairs<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}
