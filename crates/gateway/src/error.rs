//! Error responses: problem details of RFC 9457.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use terra_auth::Error;
use terra_auth_http::{Refused, problem, problem_response};
use terra_auth_model::{causes::Causes, store_error::StoreError};
use terra_auth_types::log_limit::LogLimit;

use crate::{breaker::UpstreamError, csrf::CrossSite, login::LoginError, rate_limit::TooMany};

/// An error response: a status, a machine-readable code, and a text that says how to fix the
/// problem.
///
/// As an axum response it is empty; the trace layer, which knows the request, writes the problem.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Option<&'static str>,
    detail: String,
    retry_after_s: Option<u32>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The code of an error of the store.
const STORE_UNAVAILABLE: &str = "store_unavailable";
/// One log line a second for each code: while the store, the app or the API is down, thousands of
/// requests may fail each second.
static LIMITS: Mutex<BTreeMap<&str, LogLimit>> = Mutex::new(BTreeMap::new());

impl ApiError {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, code: None, detail: detail.into(), retry_after_s: None, source: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_logged_in(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with_code("not_logged_in")
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_code(code).retry_after(1)
    }

    /// Sets the machine-readable code.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The code, or the name of the status, as a label with few values.
    pub(crate) fn reason(&self) -> &'static str {
        self.code.or_else(|| self.status.canonical_reason()).unwrap_or("other")
    }

    /// Sets `Retry-After`, in seconds.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The code and detail for the access log.
    pub(crate) fn refused(&self) -> Refused {
        Refused { code: self.code, detail: self.detail.clone() }
    }

    /// Sets the cause, which is logged and not sent to the caller.
    fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Renders the problem and logs its cause.
    pub(crate) fn into_problem(self, instance: &str) -> Response {
        if let Some(source) = &self.source {
            let path = instance.split('?').next().unwrap_or_default();
            if let Some(left_out) = admit(self.reason()) {
                let status = self.status.as_u16();
                tracing::warn!(path, status, left_out, error = %Causes(&**source), "{}", self.detail);
            }
        }
        let problem = problem(self.status, self.code, &self.detail, instance);
        problem_response(self.status, &problem, self.retry_after_s, "Bearer")
    }
}

fn admit(code: &'static str) -> Option<u64> {
    LIMITS.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default().admit(Instant::now())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self); // `trace` renders it
        response
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused(_) => Self::not_logged_in(error.to_string()),
            LoginError::Unavailable { .. } => Self::unavailable("login_unavailable", error.to_string()).because(error),
        }
    }
}

impl From<CrossSite> for ApiError {
    fn from(error: CrossSite) -> Self {
        Self::new(StatusCode::FORBIDDEN, error.to_string()).with_code("cross_site")
    }
}

impl From<&TooMany> for ApiError {
    fn from(too_many: &TooMany) -> Self {
        let detail = "too many requests; wait for the time in Retry-After";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with_code("rate_limited").retry_after(too_many.retry_after_s)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(STORE_UNAVAILABLE, "the gateway's store is not available; try again in a moment")
            .because(error)
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Paused { retry_after_s } => {
                let detail = "Terra's API does not respond at the moment; try again later";
                Self::unavailable("upstream_unavailable", detail).retry_after(retry_after_s)
            }
            UpstreamError::Failed(error) => error.into(),
        }
    }
}

/// Maps an error of the upstream to the part that the caller may see.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let bad_gateway = |code, detail| Self::new(StatusCode::BAD_GATEWAY, detail).with_code(code);
        match &error {
            Error::NotAuthenticated(_) | Error::Forbidden(_) | Error::Credentials(_) => {
                bad_gateway("upstream_refused_keys", "Terra's API does not accept this gateway's keys").because(error)
            }
            Error::RateLimited(refusal) => {
                let seconds = refusal.retry_after.map_or(1, |wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
                Self::unavailable("upstream_rate_limited", "Terra's API limits the rate of requests; try again later")
                    .retry_after(seconds.max(1))
                    .because(error)
            }
            Error::UserLimit(_) => Self::new(StatusCode::FORBIDDEN, "this environment has reached its limit of users")
                .with_code("user_limit"),
            Error::InvalidInput(refusal) => Self::bad_request(refusal.message.clone()),
            Error::InvalidRedirect(_) => Self::bad_request(error.to_string()),
            Error::Network { source: Some(source), .. } if source.is_timeout() => {
                let detail = "Terra's API did not respond in time; try again";
                Self::new(StatusCode::GATEWAY_TIMEOUT, detail).with_code("upstream_timeout").because(error)
            }
            Error::NotFound(_)
            | Error::Gone { .. }
            | Error::Server(_)
            | Error::Network { .. }
            | Error::UnreadableResponse { .. } => {
                bad_gateway("upstream_failed", "Terra's API returned an unexpected response; try again").because(error)
            }
        }
    }
}
