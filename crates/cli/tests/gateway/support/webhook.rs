//! Webhooks as Terra sends them, and an app that takes its time with what is forwarded to it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use terra_auth::{
    UserId,
    webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, Verifier, sign},
};

use super::{
    http::{Failure, send},
    serve,
};

/// Signs what is forwarded.
pub(crate) const FORWARD_SECRET: &str = "forward-secret-not-a-secret";

/// How long a body is; what Terra sends in most cases.
const BODY_BYTES: usize = 4096;

#[expect(clippy::disallowed_methods, reason = "the gateway's clock is the machine's")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// An event on its way from Terra.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) trace_id: String,
    pub(crate) body: String,
    /// When it happened, if the sender says so.
    pub(crate) happened_at: Option<Timestamp>,
}

impl Webhook {
    /// Something happened to the FITBIT connection of `caller`.
    pub(crate) fn new(trace_id: String, kind: &str, user_id: UserId, caller: &str) -> Self {
        let user = json!({ "user_id": user_id, "provider": "FITBIT", "reference_id": caller, "active": true });
        let event = |rest: &str| {
            json!({ "type": kind, "status": "success", "user": user, "trace": trace_id, "rest": rest }).to_string()
        };
        let rest = BODY_BYTES - event("").len();
        Self { body: event(&"x".repeat(rest)), trace_id, happened_at: None }
    }

    pub(crate) fn at(self, happened_at: Timestamp) -> Self {
        Self { happened_at: Some(happened_at), ..self }
    }

    pub(crate) fn signature(&self, secret: &str) -> String {
        sign(secret.as_bytes(), now().as_second(), self.body.as_bytes())
    }

    /// Sends it over a connection of its own; the gateway may be gone.
    pub(crate) async fn send(&self, origin: &str, secret: &str) -> Result<StatusCode, Failure> {
        let signature = self.signature(secret);
        let happened_at = self.happened_at.map(|at| at.to_string());
        let ordering = happened_at.as_deref().map(|at| ("x-terra-ordering-timestamp", at));
        let headers = [(SIGNATURE_HEADER_NEW, &*signature), ("x-terra-trace-id", &*self.trace_id)];
        let headers: Vec<_> = headers.into_iter().chain(ordering).collect();
        let reply = send(Method::POST, &format!("{origin}/webhooks/terra"), &headers, self.body.clone()).await?;
        Ok(reply.status)
    }
}

/// An app's receiver, on a thread of its own. It believes what is signed with [`FORWARD_SECRET`] only.
pub(crate) struct App {
    pub(crate) url: String,
    heard: Arc<Mutex<Heard>>,
}

/// The bodies that came under each trace id.
pub(crate) type Heard = BTreeMap<String, Vec<Bytes>>;

impl App {
    /// Answers each event after a while.
    pub(crate) fn start(takes: Duration) -> Self {
        Self::taking(move |_| takes)
    }

    /// Answers each event after as long as `takes` says for its trace id.
    pub(crate) fn taking(takes: impl Fn(&str) -> Duration + Clone + Send + Sync + 'static) -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let take = async move |State(heard): State<Arc<Mutex<Heard>>>, headers: HeaderMap, body: Bytes| {
            if Verifier::new([FORWARD_SECRET]).verify(&headers[SIGNATURE_HEADER], &body, now().as_second()).is_err() {
                return StatusCode::UNAUTHORIZED;
            }
            let trace_id = headers["x-terra-trace-id"].to_str().unwrap().to_owned();
            let pause = takes(&trace_id);
            heard.lock().unwrap().entry(trace_id).or_default().push(body);
            tokio::time::sleep(pause).await;
            StatusCode::OK
        };
        let router = Router::new().route("/hooks", post(take)).with_state(Arc::clone(&heard));
        Self { url: format!("{}/hooks", serve(router)), heard }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}
