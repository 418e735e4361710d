//! A browser and an app's server in one, with a clock that stands still and entropy that counts.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails is a test that fails")]

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::{Router, body::Body};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use terra_auth_sandbox::{Face, SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER, Sandbox, SandboxConfig, TokenEndpoints};
use tower::ServiceExt;
use url::{Url, form_urlencoded};

pub(crate) const CLIENT_ID: &str = "demo-app";
pub(crate) const CLIENT_SECRET: &str = "test-key-not-a-secret";
pub(crate) const CALLBACK: &str = "https://app.example/callback?from=sandbox";
/// The pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) type Pairs<'a> = [(&'a str, &'a str)];

pub(crate) struct App {
    pub(crate) sandbox: Sandbox,
    router: Router,
    seconds: Arc<AtomicI64>,
}

pub(crate) struct Answer {
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

    pub(crate) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        self.try_call(request).await.expect("the connection was cut")
    }

    /// `None` if the connection is cut.
    async fn try_call(&self, request: Request<Body>) -> Option<Answer> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() })
    }

    pub(crate) async fn get(&self, path: &str, authorization: Option<&str>) -> Answer {
        let mut request = Request::get(format!("/sandbox/{path}"));
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        self.call(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &Pairs<'_>, authorization: Option<&str>) -> Answer {
        self.call(post(path, form, authorization)).await
    }

    /// A call of any kind without a body, and with these headers.
    pub(crate) async fn bare(&self, method: Method, path: &str, headers: &Pairs<'_>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/sandbox/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn authorize(&self, face: &Face, request: &Pairs<'_>) -> Answer {
        self.get(&format!("{}/authorize?{}", face.slug, encode(request)), None).await
    }

    /// Opens the sign-in page and answers its hidden handle.
    pub(crate) async fn arrive(&self, face: &Face, scope: &str) -> String {
        let page = self.authorize(face, &with(&good_request(), "scope", scope)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        page.handle()
    }

    /// Signs in as `name` and answers the handle.
    pub(crate) async fn sign_in(&self, face: &Face, scope: &str, name: &str) -> String {
        let handle = self.arrive(face, scope).await;
        let page = self.post(&format!("{}/login", face.slug), &[("handle", &handle), ("account", name)], None).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        page.handle()
    }

    /// Goes through the pages as "demo", ticks these scopes and answers where the browser was sent.
    pub(crate) async fn decide(&self, face: &Face, decision: &str, ticked: &[&str]) -> Url {
        let asked = ticked.join(face.scope_separator.encode_utf8(&mut [0; 4]));
        let handle = self.sign_in(face, &asked, "demo").await;
        let mut form = vec![("handle", handle.as_str()), ("decision", decision)];
        form.extend(ticked.iter().map(|scope| ("scope", *scope)));
        self.post(&format!("{}/consent", face.slug), &form, None).await.location()
    }

    /// Signs in as "demo" on this page, allows one scope and answers the code.
    pub(crate) async fn approve(&self, face: &Face, login: &Answer, scope: &str) -> String {
        let form = [("handle", &*login.handle()), ("account", "demo")];
        let page = self.post(&format!("{}/login", face.slug), &form, None).await;
        let form = [("handle", &*page.handle()), ("decision", "approve"), ("scope", scope)];
        param(&self.post(&format!("{}/consent", face.slug), &form, None).await.location(), "code").unwrap()
    }

    pub(crate) async fn code(&self, face: &Face, scopes: &[&str]) -> String {
        param(&self.decide(face, "approve", scopes).await, "code").unwrap()
    }

    /// A token call as the face wants it, with the client's id and secret in the body.
    pub(crate) async fn token(&self, face: &Face, form: &Pairs<'_>) -> Answer {
        self.try_token(face, form).await.expect("the connection was cut")
    }

    pub(crate) async fn try_token(&self, face: &Face, form: &Pairs<'_>) -> Option<Answer> {
        let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        let form = [form, face.token_params, &client].concat();
        if face.token_endpoints == TokenEndpoints::RefreshApart && form.contains(&("grant_type", "refresh_token")) {
            return self.try_call(post(&format!("{}/refresh-token?{}", face.slug, encode(&form)), &[], None)).await;
        }
        self.try_call(post(&format!("{}/token", face.slug), &form, None)).await
    }

    pub(crate) async fn exchange(&self, face: &Face, code: &str) -> Answer {
        self.token(face, &good_exchange(code)).await
    }

    pub(crate) async fn refresh(&self, face: &Face, token: &str) -> Answer {
        self.token(face, &good_refresh(token)).await
    }

    /// A token answer for everything that a face can grant.
    pub(crate) async fn connect(&self, face: &Face) -> Value {
        let scopes: Vec<_> = face.scopes.iter().map(|scope| scope.name).collect();
        let code = self.code(face, &scopes).await;
        self.exchange(face, &code).await.tokens()
    }

    /// A data call: 200 for a live access token.
    pub(crate) async fn data(&self, face: &Face, token: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), (SUBSCRIPTION_KEY_HEADER, SUBSCRIPTION_KEY)];
        self.bare(Method::GET, &format!("{}/data", face.slug), &headers).await.status.as_u16()
    }

    /// What introspection says.
    pub(crate) async fn look(&self, face: &Face, token: &str) -> Value {
        let form = [("token", token), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        self.post(&format!("{}/introspect", face.slug), &form, None).await.json()
    }

    /// Whether introspection says that a token lives.
    pub(crate) async fn lives(&self, face: &Face, token: &str) -> bool {
        self.look(face, token).await["active"] == true
    }

    pub(crate) async fn userinfo(&self, face: &Face, token: &str) -> Answer {
        self.get(&format!("{}/userinfo", face.slug), Some(&format!("Bearer {token}"))).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The fields of a token answer, out of their envelope.
    pub(crate) fn tokens(&self) -> Value {
        let answer = self.json();
        answer.get("body").cloned().unwrap_or(answer)
    }

    /// The code of a refusal, with its status: `error`, or `errorType` where errors are a list.
    pub(crate) fn refusal(&self) -> (u16, String) {
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

/// The pairs with one replaced, or left out if it is empty.
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
