use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sha2::{Digest as _, Sha256};
use terra_auth::webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, VerifyError};
use terra_auth_core::{
    inbox::{Receipt, Received},
    log_limit::LogLimit,
};
use terra_auth_types::wire;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, timeout},
};

use crate::{error::Refusal, gateway::Gateway, metrics};

/// The largest body. Terra sends big answers in chunks of about 10 MB.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

/// How much of all bodies is held at once.
const MAX_HELD_KIB: usize = 256 << 10;

/// In which steps room is taken.
const STEP_KIB: u32 = 64;

/// How long Terra may take to send a body; it gives up on an answer after about 8 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest text of a header that is kept.
const HEADER_BYTES: usize = 200;

/// Takes an event: verifies it, records it durably, and only then says so. One that was recorded before is acknowledged.
pub(crate) async fn receive(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::Done>, Refusal> {
    take(&gateway, &headers, body).await.inspect_err(|refusal| metrics::event_refused(refusal.reason()))
}

async fn take(gateway: &Gateway, headers: &HeaderMap, body: Body) -> Result<Json<wire::Done>, Refusal> {
    let live = gateway.live();
    refuse_too_large(headers)?;
    let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let (body, _room) = timeout(BODY_TIMEOUT, whole(gateway, body)).await.map_err(late)??;
    let Some(verifier) = &live.verifier else {
        let detail = "no signing secret is set; put TERRA_SIGNING_SECRET into the credential file";
        return Err(Refusal::unavailable("no_signing_secret", detail));
    };
    let signature = headers.get(SIGNATURE_HEADER_NEW).or_else(|| headers.get(SIGNATURE_HEADER));
    let signature = signature.ok_or_else(|| unverified("there is no signature header"))?;
    let now = gateway.clock().now().as_second();
    let signed_at = verifier.verify(signature, &body, now).map_err(|error| refused(&error))?;
    let kind = metrics::event_type(&body);
    let received = Received {
        trace_id: kept(headers, "x-terra-trace-id"),
        reference: kept(headers, "terra-reference"),
        digest: digest(signed_at, &body),
        ordering: kept(headers, "x-terra-ordering-timestamp"),
        body: body.into(),
        forward: live.forwarding.is_some(),
    };
    match gateway.inbox().receive(received).await? {
        Receipt::Recorded(event_id) => {
            metrics::event(kind, "recorded");
            tracing::debug!(event.id = %event_id, "recorded an event");
        }
        Receipt::Duplicate => {
            metrics::event(kind, "duplicate");
            tracing::debug!("this event was recorded before");
        }
    }
    Ok(Json(wire::Done::SUCCESS))
}

/// Before any of it is read.
fn refuse_too_large(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES) { Err(too_large()) } else { Ok(()) }
}

/// Room for the bodies of events that are being taken.
pub(crate) fn all_room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_HELD_KIB))
}

/// The whole body, and the room that it takes. Room is taken as bytes come, not as they are announced: who only says that
/// much will come keeps nobody else out.
async fn whole(gateway: &Gateway, body: Body) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Refusal> {
    let (mut body, mut whole, mut room) = (Limited::new(body, MAX_BODY_BYTES), Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|error| broken(&*error))?.into_data() else { continue };
        whole.extend_from_slice(&part);
        while room.len() * STEP_KIB as usize * 1024 < whole.len() {
            let full = |_| Refusal::unavailable("busy", "too many events come at once; try again in a moment");
            room.push(Arc::clone(gateway.webhook_room()).try_acquire_many_owned(STEP_KIB).map_err(full)?);
        }
    }
    Ok((whole.into(), room))
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Refusal {
    if error.is::<LengthLimitError>() { too_large() } else { Refusal::bad_request("the body did not come whole") }
}

fn too_large() -> Refusal {
    let detail = format!("an event holds at most {MAX_BODY_BYTES} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn refused(error: &VerifyError) -> Refusal {
    static LIMIT: LogLimit = LogLimit::new();
    if let Some(left_out) = LIMIT.admit(Instant::now()) {
        tracing::warn!(left_out, "refused an event: {error}");
    }
    unverified(error.to_string())
}

fn unverified(detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, detail).with_code("not_verified")
}

/// A header of visible ASCII characters, if it is there and not too long.
fn kept(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= HEADER_BYTES).then(|| text.to_owned())
}

/// What was signed, in short. The trace id is not signed, so whoever has seen a delivery could send it again under
/// another one; this tells that it is the same.
fn digest(signed_at: i64, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(signed_at.to_be_bytes());
    hash.update(body);
    hash.finalize().into()
}
