use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use axum::{
    Json, Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::{Value, json};

/// A scripted API with configurable problems.
#[derive(Clone)]
pub(crate) struct Api {
    /// How far its clock is ahead, in seconds.
    pub(crate) clock_ahead: i64,
    pub(crate) users: usize,
    /// The path of the widget call.
    pub(crate) widget_path: &'static str,
    pub(crate) accepts_keys: bool,
    /// Whether it rejects mobile tokens without a reference id.
    pub(crate) bound_tokens_only: bool,
    /// The URL that it sends events to.
    pub(crate) destination: Value,
    /// The number of requests so far.
    pub(crate) asked: Arc<AtomicUsize>,
}

pub(crate) const WIDGET_PATH: &str = "/api/widget/session";
pub(crate) const DEPRECATED_WIDGET_PATH: &str = "/v2/auth/generateWidgetSession";

impl Api {
    /// An API without problems.
    pub(crate) fn new() -> Self {
        Self {
            clock_ahead: 0,
            users: 3,
            widget_path: WIDGET_PATH,
            accepts_keys: true,
            bound_tokens_only: true,
            destination: json!("https://app.example/hooks"),
            asked: Arc::default(),
        }
    }

    /// Starts the API; returns its URL.
    pub(crate) fn start(self) -> String {
        let answers = move |uri: Uri| {
            let answer = self.answer(uri.path());
            async move { answer }
        };
        format!("{}/v2", serve(Router::new().fallback(answers)))
    }

    fn answer(&self, path: &str) -> Response {
        self.asked.fetch_add(1, Relaxed);
        let mut answer = match path {
            "/v2/integrations" | "/v2/integrations/detailed" => Json(json!({ "providers": [] })).into_response(),
            _ if !self.accepts_keys => refusal(StatusCode::UNAUTHORIZED),
            "/v2/subscriptions" => Json(json!({ "next": null, "results": self.users() })).into_response(),
            "/v2/auth/tokens" => Json(json!({ "status": "success", "token": "00", "expires_in": 180 })).into_response(),
            "/v2/auth/authenticateSDKUser" if self.bound_tokens_only => refusal(StatusCode::UNAUTHORIZED),
            "/v2/auth/authenticateSDKUser" => refusal(StatusCode::BAD_REQUEST),
            "/v2/webhooks/destination" => Json(json!({ "destination": self.destination })).into_response(),
            path if path == self.widget_path => Json(session()).into_response(),
            _ => refusal(StatusCode::NOT_FOUND),
        };
        answer.headers_mut().insert("date", self.date().parse().unwrap());
        answer
    }

    fn users(&self) -> Vec<Value> {
        let user = |n| json!({ "user_id": format!("00000000-0000-4000-8000-{n:012}"), "provider": "FITBIT" });
        (0..self.users).map(user).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "the command compares it with the system clock")]
    fn date(&self) -> String {
        let date = Timestamp::now() + SignedDuration::from_secs(self.clock_ahead);
        rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap()
    }
}

fn refusal(status: StatusCode) -> Response {
    (status, Json(json!({ "detail": "not like this" }))).into_response()
}

fn session() -> Value {
    let id = "00000000-0000-4000-8000-000000000001";
    json!({ "session_id": id, "url": format!("http://127.0.0.1:1/session/{id}"), "expires_in": 900 })
}

/// Starts a receiver of webhooks that answers with the status from `judge`; returns its URL.
pub(crate) fn receiver(judge: impl Fn(&HeaderMap, &[u8]) -> u16 + Clone + Send + Sync + 'static) -> String {
    let answers = move |headers: HeaderMap, body: Bytes| {
        let status = StatusCode::from_u16(judge(&headers, &body)).unwrap();
        async move { status }
    };
    format!("{}/webhooks/terra", serve(Router::new().fallback(answers)))
}

fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        })
    });
    origin
}

/// Starts a proxy that rejects all requests; returns its address.
pub(crate) fn closed_proxy() -> String {
    serve(Router::new().fallback(async || StatusCode::FORBIDDEN))
}

/// An address at which nothing listens.
pub(crate) fn unreachable_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v2", listener.local_addr().unwrap())
}
