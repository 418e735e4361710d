//! One attempt to deliver: signed, posted, judged.

use std::time::Duration;

use reqwest::{Response, header::CONTENT_TYPE};
use terra_auth_egress::{CallError, HttpClient};
use terra_auth_model::{
    clock::Clock,
    delivery::{Delivery, Destination},
    keys::UnsealError,
    signing_secret::SigningSecrets,
};
use terra_auth_types::SigningSecret;
use terra_auth_webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, sign};
use url::Url;

use crate::observer::{DeliveryError, DeliveryResult};

/// How long a destination may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);
/// The bytes of a response that are read, so that its connection can be reused.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

#[derive(Clone)]
pub(crate) struct WebhookSender {
    pub(crate) caller: HttpClient,
    pub(crate) timeout: Duration,
}

impl WebhookSender {
    /// Makes one attempt.
    pub(crate) async fn attempt(
        &self,
        delivery: &Delivery,
        destination: &Destination,
        clock: &dyn Clock,
    ) -> DeliveryResult {
        match self.post(delivery, destination, clock).await {
            Ok(status) => DeliveryResult::Delivered { status },
            Err(reason) => DeliveryResult::failed(reason, delivery.attempts, clock.now()),
        }
    }

    /// The status of an answer that means success.
    async fn post(
        &self,
        delivery: &Delivery,
        destination: &Destination,
        clock: &dyn Clock,
    ) -> Result<u16, DeliveryError> {
        let secrets = destination.secrets.as_ref().map_err(|UnsealError| DeliveryError::Unsigned(UnsealError))?;
        // Signed for each attempt: a receiver refuses a signature that is minutes old.
        let signature = sign_with(secrets, clock.now().as_second(), &delivery.payload);
        let response = self.send(&destination.url, delivery, &signature).await?;
        let status = response.status();
        drain(response).await;
        if status.is_success() { Ok(status.as_u16()) } else { Err(DeliveryError::Status(status.as_u16())) }
    }

    async fn send(&self, destination: &Url, delivery: &Delivery, signature: &str) -> Result<Response, CallError> {
        let id = delivery.delivery_id.to_string();
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

/// Whatever is left of an answer says nothing more: the status has decided.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let (true, Ok(Some(chunk))) = (read <= MAX_ANSWER_BYTES, response.chunk().await) {
        read += chunk.len();
    }
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
