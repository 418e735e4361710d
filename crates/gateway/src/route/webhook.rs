//! Receives events from Terra.
//!
//! 1. Check the signature header before the body is read, so that a request without a recent one uses no memory.
//! 2. Read the body, with a minimum speed, within a memory budget that unknown callers cannot exhaust (`body_budget.rs`,
//!    `reading.rs`).
//! 3. Verify the signature over the raw bytes.
//! 4. Record the event. From here on it is durable.
//! 5. Respond. After a crash before the response, Terra sends the event again, which finds its row.

mod reading;

use std::time::Instant;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, request},
};
use sha2::{Digest as _, Sha256};
use terra_auth::webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, VerifyError};
use terra_auth_types::{log_limit::LogLimit, wire};

use crate::{
    error::ApiError,
    gateway::Gateway,
    inbox::{Outcome, Received},
    metrics,
    peer::{peer, subscriber},
};
use reading::{read_body, too_large};

/// The maximum size of a body. Terra splits large payloads into chunks of about 10 MB.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;
/// The maximum length of a stored header.
const HEADER_BYTES: usize = 200;

/// Receives an event: verifies it, records it durably, and then acknowledges it. A known event is acknowledged too.
pub(crate) async fn receive(State(gateway): State<Gateway>, request: Request) -> Result<Json<wire::Done>, ApiError> {
    let (parts, body) = request.into_parts();
    take(&gateway, &parts, body).await.inspect_err(|refusal| metrics::event_refused(refusal.reason()))
}

async fn take(gateway: &Gateway, request: &request::Parts, body: Body) -> Result<Json<wire::Done>, ApiError> {
    let (live, headers) = (gateway.live(), &request.headers);
    refuse_too_large(headers)?;
    let Some(verifier) = &live.verifier else {
        let detail = "no signing secret is set; put TERRA_SIGNING_SECRET into the credential file";
        return Err(ApiError::unavailable("no_signing_secret", detail));
    };
    let signature = headers.get(SIGNATURE_HEADER_NEW).or_else(|| headers.get(SIGNATURE_HEADER));
    let signature = signature.ok_or_else(|| unverified("there is no signature header"))?;
    let now = gateway.clock().now().as_second();
    verifier.precheck(signature, now).map_err(|error| refused(&error))?;
    let (body, _held) = read_body(gateway.body_budget(), body, subscriber(peer(request))).await?;
    let now = gateway.clock().now().as_second();
    let signed_at = verifier.verify(signature, &body, now).map_err(|error| refused(&error))?;
    let received = Received {
        trace_id: kept(headers, "x-terra-trace-id"),
        reference: kept(headers, "terra-reference"),
        digest: digest(signed_at, &body),
        ordering: kept(headers, "x-terra-ordering-timestamp"),
        body: body.into(),
        forward: live.forwarding.is_some(),
    };
    let receipt = gateway.inbox().receive(received).await?;
    let kind = metrics::event_label(&receipt.kind);
    match receipt.outcome {
        Outcome::Recorded(event_id) => {
            metrics::event(kind, "recorded");
            tracing::debug!(event.id = %event_id, "recorded an event");
        }
        Outcome::Duplicate => {
            metrics::event(kind, "duplicate");
            tracing::debug!("this event was recorded before");
        }
    }
    Ok(Json(wire::Done::SUCCESS))
}

/// The declared length, before the body is read.
fn refuse_too_large(headers: &HeaderMap) -> Result<(), ApiError> {
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) { Err(too_large()) } else { Ok(()) }
}

fn refused(error: &VerifyError) -> ApiError {
    static LIMIT: LogLimit = LogLimit::new();
    if let Some(left_out) = LIMIT.admit(Instant::now()) {
        tracing::warn!(left_out, "rejected an event: {error}");
    }
    unverified(error.to_string())
}

fn unverified(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, detail).with_code("not_verified")
}

/// A header of visible ASCII characters, if it is there and not too long.
fn kept(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= HEADER_BYTES).then(|| text.to_owned())
}

/// A digest of the signed bytes. The trace id is not signed, so anyone who has seen a delivery could replay it under another
/// id; the digest detects this.
fn digest(signed_at: i64, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(signed_at.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}
