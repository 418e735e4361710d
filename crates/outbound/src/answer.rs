//! What a provider's answer means.

use reqwest::{Response, StatusCode};
use serde_json::Value;
use terra_auth_core::provider::ProviderError;

use crate::caller::{CallError, read_body};

const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The provider is there and does not work.
#[derive(Debug, thiserror::Error)]
#[error("it answered {0}")]
struct Busy(StatusCode);

/// Reads a JSON answer of at most 64 KiB. A refusal becomes its OAuth error code, whatever its status: some providers
/// refuse with 200.
pub(crate) async fn read_json(response: Response) -> Result<Value, ProviderError> {
    let status = response.status();
    if is_busy(status) {
        return Err(busy(status));
    }
    let body = read_body(response, MAX_ANSWER_BYTES).await?;
    let answer: Value = serde_json::from_slice(&body).map_err(|_| ProviderError::Unreadable)?;
    match error_code(&answer) {
        Some(code) => Err(ProviderError::Refused { code: code.to_owned() }),
        None if status.is_success() => Ok(answer),
        None => Err(ProviderError::Unreadable),
    }
}

/// Worth another try.
fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn busy(status: StatusCode) -> ProviderError {
    ProviderError::Unreachable(Some(Box::new(Busy(status))))
}

/// RFC 6749 §5.2, as far as it is fit for a log.
fn error_code(answer: &Value) -> Option<&str> {
    let code = answer.get("error")?.as_str()?;
    let fits = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(code)
}

impl From<CallError> for ProviderError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Forbidden(_) | CallError::Failed(_) => Self::Unreachable(Some(Box::new(error))),
            CallError::TooLarge => Self::Unreadable,
        }
    }
}
