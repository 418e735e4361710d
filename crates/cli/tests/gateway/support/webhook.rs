//! Webhooks as Terra sends them, and an app that answers forwarded events after a delay.

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
use terra_auth_cli_testkit::http::{HttpFailure, send};

use super::serve;

/// The secret that signs forwarded events.
pub(crate) const FORWARD_SECRET: &str = "forward-secret-not-a-secret";
/// The size of a body, which is typical of Terra's events.
const BODY_BYTES: usize = 4096;

#[expect(clippy::disallowed_methods, reason = "the gateway uses the system clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// An event that Terra sends.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) trace_id: String,
    pub(crate) body: String,
    /// The time of the event, if the sender includes it.
    pub(crate) happened_at: Option<Timestamp>,
}

impl Webhook {
    /// An event about the FITBIT connection of `caller`.
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

    /// Sends the event over a new connection. Fails if the gateway does not run.
    pub(crate) async fn send(&self, origin: &str, secret: &str) -> Result<StatusCode, HttpFailure> {
        let signature = self.signature(secret);
        let happened_at = self.happened_at.map(|at| at.to_string());
        let ordering = happened_at.as_deref().map(|at| ("x-terra-ordering-timestamp", at));
        let headers = [(SIGNATURE_HEADER_NEW, &*signature), ("x-terra-trace-id", &*self.trace_id)];
        let headers: Vec<_> = headers.into_iter().chain(ordering).collect();
        let reply = send(Method::POST, &format!("{origin}/webhooks/terra"), &headers, self.body.clone()).await?;
        Ok(reply.status)
    }
}

/// An app's receiver, on a separate thread. It accepts only events signed with [`FORWARD_SECRET`].
pub(crate) struct App {
    pub(crate) url: String,
    heard: Arc<Mutex<ReceivedBodies>>,
}

/// The received bodies, by trace id.
pub(crate) type ReceivedBodies = BTreeMap<String, Vec<Bytes>>;

impl App {
    /// Starts a receiver that answers each event after the delay `takes`.
    pub(crate) fn start(takes: Duration) -> Self {
        Self::start_with_delay(move |_| takes)
    }

    /// Starts a receiver that answers each event after the delay that `takes` returns for its trace id.
    pub(crate) fn start_with_delay(takes: impl Fn(&str) -> Duration + Clone + Send + Sync + 'static) -> Self {
        let heard = Arc::<Mutex<ReceivedBodies>>::default();
        let take = async move |State(heard): State<Arc<Mutex<ReceivedBodies>>>, headers: HeaderMap, body: Bytes| {
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

    pub(crate) fn received(&self) -> ReceivedBodies {
        self.heard.lock().unwrap().clone()
    }
}
