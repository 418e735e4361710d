//! The meaning of a provider's response.

use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use terra_auth_egress::{CallError, read_body};
use terra_auth_model::provider::ProviderError;

use crate::recipe::response_shape::{AnswerShape, Code};

const MAX_ANSWER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a response is unusable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderResponseError {
    /// The provider limits requests; `retry_after` is the raw header.
    #[error("it limits requests")]
    Throttled { retry_after: Option<String> },
    /// The provider failed.
    #[error("it answered {0}")]
    Busy(StatusCode),
    /// An OAuth error.
    #[error("it refused: {code}")]
    Refused { code: String, blame: ErrorSubject },
    /// An error without a code. It may come from a proxy, a firewall or a wrong address, and does not affect a grant.
    #[error("it returned {0} without an error code")]
    Opaque(StatusCode),
    #[error("it cannot be parsed")]
    Unreadable,
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The subject that an error rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorSubject {
    /// The code or the refresh token.
    Grant,
    /// The app, for every user.
    App,
    /// Unknown.
    Unknown,
}

/// Reads a JSON response of at most 64 KiB. Detects errors whatever the status, because some providers return errors with 200.
pub(crate) async fn read_json(response: Response, shape: &AnswerShape) -> Result<Value, ProviderResponseError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(ProviderResponseError::Throttled { retry_after: retry_after(&response) });
    }
    if status.is_server_error() {
        return Err(ProviderResponseError::Busy(status));
    }
    let waits = retry_after(&response);
    let body = read_body(response, MAX_ANSWER_BYTES).await?;
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
    let answer = serde_json::from_slice::<Value>(body).ok();
    match answer.as_ref().and_then(|answer| shape.refusal(answer)) {
        Some(code) => Err(error_of(code, shape, waits)),
        None if status.is_success() => {
            answer.and_then(|answer| shape.unwrapped(answer)).ok_or(ProviderResponseError::Unreadable)
        }
        None => Err(ProviderResponseError::Opaque(status)),
    }
}

fn retry_after(response: &Response) -> Option<String> {
    response.headers().get(RETRY_AFTER)?.to_str().ok().map(str::to_owned)
}

fn error_of(code: Code, shape: &AnswerShape, retry_after: Option<String>) -> ProviderResponseError {
    let codes = &shape.codes;
    let blame = match code.0.as_str() {
        _ if codes.no_verdict.contains(&code) => ErrorSubject::Unknown,
        _ if codes.throttled.contains(&code) => return ProviderResponseError::Throttled { retry_after },
        _ if codes.invalid_grant.contains(&code) => ErrorSubject::Grant,
        _ if codes.invalid_client.contains(&code) => ErrorSubject::App,
        "invalid_grant" => ErrorSubject::Grant,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" => ErrorSubject::App,
        _ => ErrorSubject::Unknown,
    };
    ProviderResponseError::Refused { code: code.0, blame }
}

impl From<ProviderResponseError> for ProviderError {
    fn from(error: ProviderResponseError) -> Self {
        match error {
            ProviderResponseError::Refused { code, blame: ErrorSubject::App } => Self::AppRefused { code },
            ProviderResponseError::Refused { code, blame: ErrorSubject::Grant | ErrorSubject::Unknown } => {
                Self::Refused { code }
            }
            ProviderResponseError::Call(CallError::TooLarge)
            | ProviderResponseError::Opaque(_)
            | ProviderResponseError::Unreadable => Self::Unreadable,
            ProviderResponseError::Call(error) => Self::Unreachable(Some(Box::new(error))),
            ProviderResponseError::Throttled { .. } | ProviderResponseError::Busy(_) => {
                Self::Unreachable(Some(Box::new(error)))
            }
        }
    }
}
