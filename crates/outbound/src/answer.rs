//! What a provider's answer means.

use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use terra_auth_core::provider::ProviderError;

use crate::{
    caller::{CallError, read_body},
    recipe::answer_shape::{AnswerShape, Code},
};

const MAX_ANSWER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// It wants to be left alone; `retry_after` is the header as it came.
    #[error("it wants fewer requests")]
    Throttled { retry_after: Option<String> },
    /// It is there and does not work.
    #[error("it answered {0}")]
    Busy(StatusCode),
    /// An OAuth error, or the recipe's name for one.
    #[error("it refused: {code}")]
    Refused { code: String, blame: Blame },
    /// No error code is in it: it may come from a proxy, a firewall or a wrong address, and says nothing about a grant.
    #[error("it answered {0} without an error code")]
    Opaque(StatusCode),
    #[error("it cannot be read")]
    Unreadable,
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The code or the refresh token.
    Grant,
    /// The app, whoever the user is.
    App,
    /// Nothing that we know.
    Nobody,
}

/// Reads a JSON answer of at most 64 KiB. A refusal is one whatever its status: some providers refuse with 200.
pub(crate) async fn read_json(response: Response, shape: &AnswerShape) -> Result<Value, NoAnswer> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(NoAnswer::Throttled { retry_after: retry_after(&response) });
    }
    if status.is_server_error() {
        return Err(NoAnswer::Busy(status));
    }
    let waits = retry_after(&response);
    let body = read_body(response, MAX_ANSWER_BYTES).await?;
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
    let answer = serde_json::from_slice::<Value>(body).ok();
    match answer.as_ref().and_then(|answer| shape.refusal(answer)) {
        Some(code) => Err(meaning(code, shape, waits)),
        None if status.is_success() => answer.and_then(|answer| shape.unwrapped(answer)).ok_or(NoAnswer::Unreadable),
        None => Err(NoAnswer::Opaque(status)),
    }
}

fn retry_after(response: &Response) -> Option<String> {
    response.headers().get(RETRY_AFTER)?.to_str().ok().map(str::to_owned)
}

fn meaning(code: Code, shape: &AnswerShape, retry_after: Option<String>) -> NoAnswer {
    let codes = &shape.codes;
    let blame = match code.0.as_str() {
        _ if codes.no_verdict.contains(&code) => Blame::Nobody,
        _ if codes.throttled.contains(&code) => return NoAnswer::Throttled { retry_after },
        _ if codes.invalid_grant.contains(&code) => Blame::Grant,
        _ if codes.invalid_client.contains(&code) => Blame::App,
        "invalid_grant" => Blame::Grant,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" => Blame::App,
        _ => Blame::Nobody,
    };
    NoAnswer::Refused { code: code.0, blame }
}

impl From<NoAnswer> for ProviderError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Refused { code, blame: Blame::App } => Self::AppRefused { code },
            NoAnswer::Refused { code, blame: Blame::Grant | Blame::Nobody } => Self::Refused { code },
            NoAnswer::Call(error) => error.into(),
            NoAnswer::Opaque(_) | NoAnswer::Unreadable => Self::Unreadable,
            NoAnswer::Throttled { .. } | NoAnswer::Busy(_) => Self::Unreachable(Some(Box::new(error))),
        }
    }
}

impl From<CallError> for ProviderError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Forbidden(_) | CallError::Failed(_) => Self::Unreachable(Some(Box::new(error))),
            CallError::TooLarge => Self::Unreadable,
        }
    }
}
