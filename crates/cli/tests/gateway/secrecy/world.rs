//! An app, an upstream and a collector that echo the requests that they receive. A gateway that
//! leaks their responses is detected.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, AtomicUsize, Ordering},
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustix::process::Signal;
use serde_json::json;
use terra_auth_cli_testkit::{CommandOutput, Folder, Server};

use crate::support::{
    serve,
    webhook::{FORWARD_SECRET, now},
};

/// Part of every secret here, except of tokens.
pub(super) const SECRET_MARKER: &str = "not-a-secret";
pub(super) const SIGNING_SECRET: &str = "signing-secret-not-a-secret";
pub(super) const JWT_SECRET: &str = "jwt-secret-0000000000000000-not-a-secret";

pub(super) struct World {
    pub(super) folder: Folder,
    collector: String,
    spans: Arc<Mutex<Vec<u8>>>,
    upstream: Arc<AtomicU16>,
    app: Arc<AtomicUsize>,
}

impl World {
    pub(super) fn new() -> Self {
        let (folder, upstream, app) = (Folder::new(), Arc::new(AtomicU16::new(200)), Arc::<AtomicUsize>::default());
        let (api, own) = (serve_upstream(&upstream), serve_app(&app));
        let keys = format!(
            "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=api-key-not-a-secret\n\
             TERRA_SIGNING_SECRET={SIGNING_SECRET}\nTERRA_API_URL={api}/v2\nTERRA_WIDGET_URL={api}\n"
        );
        folder.write(".env.terra.testing", &keys);
        let settings = format!(
            "upstream.failures = 1000\nlimits.user_per_minute = 10000\nwebhooks.forward_to = '{own}/hooks'\n\
             [login.who_am_i]\nurl = '{own}/me'\ncache_s = 0\n\
             [login.jwt]\nissuer = 'https://issuer.example'\naudience = ['app']\n\
             [login.trusted_header]\nname = 'x-user'\npeers = ['127.0.0.1/32']\n"
        );
        folder.write("gateway.toml", &settings);
        let (spans, collector) = collector();
        Self { folder, collector, spans, upstream, app }
    }

    pub(super) fn gateway(&self) -> Server {
        let mut command = self.folder.command("gateway --output json --listen 127.0.0.1:0");
        command.env("RUST_LOG", "trace").env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.collector);
        command.env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET).env("TERRA_AUTH_JWT_SECRET", JWT_SECRET);
        Server::start(&mut command)
    }

    /// Makes the upstream answer normally (200), or with another status and an echo of the request.
    pub(super) fn upstream_answers(&self, status: u16) {
        self.upstream.store(status, Ordering::Relaxed);
    }

    /// Makes the app's receiver answer with the next status.
    pub(super) fn app_answers_next(&self) {
        self.app.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn break_keys(&self) {
        self.folder.write(".env.terra.testing", "TERRA_API_KEY='api-key-not-a-secret\n");
    }

    /// The output of `gateway check`.
    pub(super) fn check(&self) -> String {
        self.folder.write(".env.terra.testing", &format!("{KEYS}TERRA_SIGNING_SECRET={SIGNING_SECRET}\n"));
        let mut command = self.folder.command("gateway check");
        command.env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET).env("TERRA_AUTH_JWT_SECRET", JWT_SECRET);
        let answer = CommandOutput::of(&mut command);
        assert_eq!(answer.code, 0, "{answer}");
        answer.to_string()
    }

    /// The output of `gateway events list`.
    pub(super) fn events(&self) -> String {
        self.folder.json("gateway events list").to_string()
    }

    /// Stops the gateway; returns everything that the collector received.
    pub(super) fn spans_once_ended(&self, gateway: Server) -> String {
        assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
        let spans = String::from_utf8_lossy(&self.spans.lock().unwrap()).into_owned();
        assert!(spans.contains("/api/terra/mobile-token"), "the collector received spans");
        spans
    }
}

const KEYS: &str = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=api-key-not-a-secret\n";

fn serve_upstream(status: &Arc<AtomicU16>) -> String {
    let answer = async |State(status): State<Arc<AtomicU16>>, request: Request| {
        let status = status.load(Ordering::Relaxed);
        let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
        if status == 200 { good(&path) } else { echo(status, &headers) }
    };
    serve(Router::new().fallback(answer).with_state(Arc::clone(status)))
}

fn good(path: &str) -> Response {
    let answer = match path {
        "/v2/integrations/detailed" => {
            let icon = "https://127.0.0.1:1/logo?s=url-not-a-secret";
            json!({ "providers": [{ "provider": "FITBIT", "name": "Fitbit", "icon": icon }] })
        }
        "/v2/subscriptions" => json!({ "users": [] }),
        path if path.contains("idget") => {
            let session_id = "00000000-0000-4000-8000-000000000009";
            json!({ "status": "success", "session_id": session_id, "url": "https://w.example/9?s=url-not-a-secret" })
        }
        _ => json!({ "status": "success", "token": "mobile-token-not-a-secret", "expires_in": 180 }),
    };
    axum::Json(answer).into_response()
}

fn echo(status: u16, headers: &HeaderMap) -> Response {
    let text = json!({ "status": "error", "message": format!("{headers:?}"), "token": SECRET_MARKER }).to_string();
    let elsewhere = [("location", "/elsewhere?s=url-not-a-secret"), ("content-type", "application/json")];
    (StatusCode::from_u16(status).unwrap(), elsewhere, text).into_response()
}

fn serve_app(turn: &Arc<AtomicUsize>) -> String {
    let me = async |headers: HeaderMap| {
        let shown = format!("{headers:?}");
        if shown.contains("broken") {
            return echo(500, &headers);
        }
        let id = if shown.contains("basic-") { json!([shown]) } else { json!("alice") };
        axum::Json(json!({ "id": id, "shown": shown })).into_response()
    };
    let take = async |State(turn): State<Arc<AtomicUsize>>, headers: HeaderMap, body: Bytes| {
        let status = [200, 302, 400, 500][turn.load(Ordering::Relaxed) % 4];
        (StatusCode::from_u16(status).unwrap(), format!("{headers:?} {body:?}"))
    };
    serve(Router::new().route("/me", get(me)).route("/hooks", post(take)).with_state(Arc::clone(turn)))
}

/// Starts a collector of OTLP over HTTP. Names and values are plain text in the spans.
fn collector() -> (Arc<Mutex<Vec<u8>>>, String) {
    let spans = Arc::<Mutex<Vec<u8>>>::default();
    let take = async |State(spans): State<Arc<Mutex<Vec<u8>>>>, body: Bytes| {
        spans.lock().unwrap().extend_from_slice(&body);
    };
    let url = serve(Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans)));
    (spans, url)
}

/// Tokens of the app.
pub(super) struct Jwt {
    pub(super) good: String,
    pub(super) forged: String,
    pub(super) expired: String,
}

impl Jwt {
    pub(super) fn new() -> Self {
        Self {
            good: token(JWT_SECRET, 600),
            forged: token("another-secret-0000000000000000000000", 600),
            expired: token(JWT_SECRET, -600),
        }
    }

    /// Whether a line contains the claims or the signature of a token.
    pub(super) fn is_in(&self, line: &str) -> bool {
        let parts = [&self.good, &self.forged, &self.expired].map(|token| token.split('.').skip(1));
        parts.into_iter().flatten().any(|part| line.contains(part))
    }
}

fn token(secret: &str, seconds: i64) -> String {
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "https://issuer.example", "aud": "app", "sub": "alice", "exp": now().as_second() + seconds,
    });
    let signed = format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}
