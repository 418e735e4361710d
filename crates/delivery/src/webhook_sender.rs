//! One delivery attempt: signs the event, posts it, and evaluates the response.

use std::time::{Duration, Instant};

use reqwest::{Response, header::CONTENT_TYPE};
use terra_auth_egress::{CallError, HttpClient};
use terra_auth_model::{
    causes::Causes,
    clock::Clock,
    delivery::{AttemptReport, ClaimedDestination, Delivery},
    keys::UnsealError,
    signing_secret::SigningSecrets,
};
use terra_auth_types::SigningSecret;
use terra_auth_webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, sign};
use url::Url;

use crate::observer::{DeliveryError, DeliveryResult};

/// The time limit of an attempt.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);
/// The bytes of a response that are read, so that its connection can be reused.
const MAX_RESPONSE_BYTES: usize = 16 * 1024;
/// The bytes of a response that are recorded.
const MAX_RECORDED_BYTES: usize = 1024;

#[derive(Clone)]
pub(crate) struct WebhookSender {
    pub(crate) caller: HttpClient,
    pub(crate) timeout: Duration,
}

impl WebhookSender {
    /// Makes one attempt. The report has no total duration.
    pub(crate) async fn attempt(
        &self,
        delivery: &Delivery,
        destination: &ClaimedDestination,
        clock: &dyn Clock,
    ) -> (DeliveryResult, AttemptReport) {
        let mut report = AttemptReport::default();
        let result = match self.post(delivery, destination, clock, &mut report).await {
            Ok(status) => DeliveryResult::Delivered { status },
            Err(reason) => DeliveryResult::failed(reason, delivery.attempts, clock.now()),
        };
        report.error = result.error().map(|error| Causes(error).to_string());
        (result, report)
    }

    /// Posts the event. Returns the status of a response that means success.
    async fn post(
        &self,
        delivery: &Delivery,
        ClaimedDestination { destination, secrets }: &ClaimedDestination,
        clock: &dyn Clock,
        report: &mut AttemptReport,
    ) -> Result<u16, DeliveryError> {
        let secrets = secrets.as_ref().map_err(|UnsealError| DeliveryError::Unsigned(UnsealError))?;
        // Each attempt has a new signature, because receivers reject one that is minutes old.
        let signature = sign_with(secrets, clock.now().as_second(), &delivery.payload);
        let sent = Instant::now();
        let response = self.send(&destination.url, delivery, &signature).await?;
        let status = response.status();
        report.status = Some(status.as_u16());
        report.timing.first_byte_ms = Some(milliseconds(sent.elapsed()));
        report.response = Some(read_start(response).await);
        if status.is_success() { Ok(status.as_u16()) } else { Err(DeliveryError::Status(status.as_u16())) }
    }

    async fn send(&self, destination: &Url, delivery: &Delivery, signature: &str) -> Result<Response, CallError> {
        let id = delivery.event_id.to_string();
        let request = self
            .caller
            .client()
            .post(destination.clone())
            .timeout(self.timeout)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .header(SIGNATURE_HEADER_NEW, signature)
            .header("terra-reference", &id)
            .header("x-terra-trace-id", &id)
            .header("x-terra-ordering-timestamp", delivery.created_at.as_millisecond())
            .header("dev-id", delivery.dev_id.as_str())
            .body(delivery.payload.clone());
        self.caller.send(request).await
    }
}

/// One `v1`, or two while receivers move from one secret to another.
fn sign_with(secrets: &SigningSecrets, timestamp: i64, payload: &str) -> String {
    let sign = |secret: &SigningSecret| sign(secret.expose().as_bytes(), timestamp, payload.as_bytes());
    let first = sign(&secrets.first);
    let Some(second) = secrets.second.as_ref().map(sign) else { return first };
    let (_, v1) = second.split_once(',').unwrap_or_default(); // its `t` is the same
    format!("{first},{v1}")
}

/// Reads the response, so that its connection can be reused. Returns its start as text.
async fn read_start(mut response: Response) -> String {
    let (mut read, mut start) = (0, Vec::new());
    while let (true, Ok(Some(chunk))) = (read <= MAX_RESPONSE_BYTES, response.chunk().await) {
        read += chunk.len();
        let room = MAX_RECORDED_BYTES - start.len();
        start.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    String::from_utf8_lossy(&start).replace('\0', "\u{fffd}")
}

pub(crate) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl From<CallError> for DeliveryError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Forbidden(forbidden) => Self::Forbidden(forbidden),
            CallError::Failed(error) if error.is_timeout() => Self::Timeout,
            error => Self::Unreachable(Box::new(error)),
        }
    }
}
