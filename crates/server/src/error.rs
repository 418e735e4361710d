//! Error responses: problem details of RFC 9457.

use std::{fmt::Display, sync::Arc, time::Instant};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use terra_auth_core::{
    access_token::IssueAccessTokenError,
    admin::action::AdminError,
    connection::{DeauthenticateUserError, UserInfoError},
    node::{directory::NotAuthenticated, refresh::in_flight::AccessTokenError},
    sdk_user::AuthenticateSdkUserError,
    vault::RotateMasterKeyError,
    widget_session::{GenerateWidgetSessionError, NotOffered},
};
use terra_auth_http::{Refused, problem, problem_response};
use terra_auth_model::{causes::Causes, store_error::StoreError};
use terra_auth_types::{
    log_limit::LogLimit,
    wire::{Problem, Status, WidgetError},
};

/// An error response: a status, a code, and a text that says how to fix the problem.
///
/// As an axum response it is empty; the trace layer, which knows the request, writes the problem.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    code: Option<&'static str>,
    detail: String,
    retry_after_s: Option<u32>,
    challenge: &'static str,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The code of a change whose outcome is unknown.
const UNKNOWN_OUTCOME: &str = "outcome_unknown";
/// While the database is unreachable, thousands of requests may fail each second.
static UNAVAILABLE: LogLimit = LogLimit::new();

impl ApiError {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let challenge = "TerraApiKey";
        Self { status, code: None, detail: detail.into(), retry_after_s: None, challenge, source: None }
    }

    pub(crate) fn bad_request(detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail.to_string())
    }

    pub(crate) fn unauthorized(detail: impl Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail.to_string())
    }

    pub(crate) fn forbidden(detail: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail.to_string())
    }

    pub(crate) fn not_found(detail: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail.to_string())
    }

    pub(crate) fn conflict(detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, detail.to_string())
    }

    /// The API key lacks a scope.
    pub(crate) fn scope_missing(scope: impl Display) -> Self {
        Self::forbidden(format!("this key lacks the scope {scope}")).with_code("scope_missing")
    }

    /// Sets the machine-readable code, unless there is one.
    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code.get_or_insert(code);
        self
    }

    /// There is no valid admin token.
    pub(crate) fn no_admin() -> Self {
        let detail = "send an admin token that has not expired as Authorization: Bearer ta_admin_…";
        Self { challenge: "Bearer", ..Self::unauthorized(detail) }
    }

    /// Replaces 401 by 403, for calls whose published response to wrong credentials is 403.
    pub(crate) fn or_forbidden(mut self) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// An internal error. Its causes are logged and not sent.
    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let detail = "the server failed; quote the x-terra-trace-id header when you report it";
        Self { source: Some(Arc::new(error)), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail) }
    }

    pub(crate) fn busy() -> Self {
        let detail = "the server is busy; try again in a moment";
        Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// The database is unavailable; nothing was changed.
    fn unavailable(error: Arc<StoreError>) -> Self {
        let detail = format!("{error}; try again in a moment");
        let unavailable = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_code("store_unavailable");
        Self { retry_after_s: Some(1), source: Some(error), ..unavailable }
    }

    /// Maps an error of the store: retry, check before a retry, or report it.
    fn of_store(error: Arc<StoreError>) -> Self {
        match &*error {
            StoreError::Busy => Self::busy(),
            StoreError::Unreachable(_) | StoreError::TimedOut | StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::UnknownOutcome(_) => {
                let detail = "the connection to the database was lost during the commit; check whether the change was made before you repeat it";
                let unknown = Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with_code(UNKNOWN_OUTCOME);
                Self { source: Some(error), ..unknown }
            }
            StoreError::Closed | StoreError::Engine(_) => Self::internal(error),
        }
    }

    /// For a call that is safe to repeat: an unknown outcome becomes a 503 with `Retry-After`.
    fn or_repeat(self) -> Self {
        if self.code != Some(UNKNOWN_OUTCOME) {
            return self;
        }
        let detail = "the connection to the database was lost; try again".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after_s: Some(1), detail, ..self }
    }

    /// Whether the response is 503.
    pub(crate) fn not_ready(error: StoreError) -> Self {
        Self::unavailable(Arc::new(error))
    }

    /// The code and detail for the access log.
    pub(crate) fn refused(&self) -> Refused {
        Refused { code: self.code, detail: self.detail.clone() }
    }

    /// Renders the problem and logs its cause.
    pub(crate) fn into_problem(self, instance: &str) -> Response {
        self.log();
        problem_response(self.status, &self.problem(instance), self.retry_after_s, self.challenge)
    }

    /// The body of the response to the request `instance`.
    pub(crate) fn problem(&self, instance: &str) -> Problem {
        problem(self.status, self.code, &self.detail, instance)
    }

    /// Logs the cause. The span of the request has the route and the trace id.
    fn log(&self) {
        let Some(source) = &self.source else { return };
        let error = Causes(&**source);
        if self.status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(%error, "a request failed");
        } else if let Some(left_out) = UNAVAILABLE.admit(Instant::now()) {
            tracing::warn!(%error, left_out, "rejected requests because the store is unavailable");
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self); // `trace` renders it
        response
    }
}

/// An error of the current widget call, which has its own error body.
pub(crate) struct WidgetCallError {
    error: ApiError,
    invalid_user_ids: Vec<String>,
}

impl From<ApiError> for WidgetCallError {
    fn from(error: ApiError) -> Self {
        Self { error: error.or_forbidden(), invalid_user_ids: Vec::new() }
    }
}

impl From<GenerateWidgetSessionError> for WidgetCallError {
    fn from(error: GenerateWidgetSessionError) -> Self {
        let invalid_user_ids = match &error {
            GenerateWidgetSessionError::InvalidUserIds(ids) => ids.clone(),
            _ => Vec::new(),
        };
        Self { error: error.into(), invalid_user_ids }
    }
}

impl IntoResponse for WidgetCallError {
    fn into_response(self) -> Response {
        self.error.log();
        let refused = self.error.refused();
        let body = WidgetError {
            message: self.error.detail,
            code: self.error.code.map(str::to_owned),
            status: Status::Error,
            invalid_user_ids: self.invalid_user_ids,
        };
        let mut response = (self.error.status, Json(body)).into_response();
        response.extensions_mut().insert(refused);
        if let Some(seconds) = self.error.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<NotAuthenticated> for ApiError {
    fn from(error: NotAuthenticated) -> Self {
        match error {
            NotAuthenticated::Mismatch => Self::unauthorized(error),
            NotAuthenticated::Disabled => Self::forbidden(error).with_code("environment_disabled"),
            NotAuthenticated::Stale => Self {
                retry_after_s: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).with_code("directory_stale")
            },
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::of_store(Arc::new(error))
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Forbidden { .. } => Self::forbidden(error).with_code("role_missing"),
            AdminError::UnknownEnvironment => Self::not_found(error).with_code("dev_id_not_found"),
            AdminError::NotFound(_) => Self::not_found(error),
            AdminError::Invalid(_) => Self::bad_request(error).with_code("validation_failed"),
            AdminError::TooMany(_) => Self::conflict(error).with_code("token_limit_reached"),
            AdminError::RecentlyUsed(_) => Self::conflict(error).with_code("recently_used"),
            AdminError::NotConfirmed(_) => Self::conflict(error).with_code("not_confirmed"),
            AdminError::Conflict(_) => Self::conflict(error).with_code("refused"),
            AdminError::Seal(_) => Self::internal(error),
            AdminError::Store(error) => error.into(),
        }
    }
}

impl From<RotateMasterKeyError> for ApiError {
    fn from(error: RotateMasterKeyError) -> Self {
        match error {
            RotateMasterKeyError::Admin(error) => error.into(),
            // The response contains the fix, because an owner may have no access to the log.
            RotateMasterKeyError::Source(_) => Self::conflict(Causes(&error)).with_code("master_key_unreadable"),
        }
    }
}

impl From<IssueAccessTokenError> for ApiError {
    fn from(error: IssueAccessTokenError) -> Self {
        match error {
            IssueAccessTokenError::Admin(error) => error.into(),
            IssueAccessTokenError::AccessToken(error) => error.into(),
        }
    }
}

impl From<AccessTokenError> for ApiError {
    fn from(error: AccessTokenError) -> Self {
        match error {
            AccessTokenError::UserNotFound => Self::not_found(error).with_code("user_not_found"),
            AccessTokenError::Revoked => Self::conflict(error).with_code("revoked"),
            AccessTokenError::NeedsConsent => Self::conflict(error).with_code("needs_consent"),
            AccessTokenError::Unavailable { .. } => {
                let unavailable = Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
                Self { retry_after_s: Some(30), ..unavailable }.with_code("provider_unavailable")
            }
            AccessTokenError::Store(error) => Self::of_store(error).or_repeat(), // another token can be issued
            AccessTokenError::Seal(_) => Self::internal(error),
        }
    }
}

impl From<DeauthenticateUserError> for ApiError {
    fn from(error: DeauthenticateUserError) -> Self {
        match error {
            DeauthenticateUserError::UserNotFound => Self::not_found(error),
            DeauthenticateUserError::Store(error) => error.into(),
        }
    }
}

impl From<UserInfoError> for ApiError {
    fn from(error: UserInfoError) -> Self {
        match error {
            UserInfoError::UserNotFound => Self::not_found(error),
            UserInfoError::TooMany(_) => Self::bad_request(error),
            UserInfoError::Store(error) => error.into(),
        }
    }
}

impl From<GenerateWidgetSessionError> for ApiError {
    fn from(error: GenerateWidgetSessionError) -> Self {
        match error {
            GenerateWidgetSessionError::InvalidField { .. }
            | GenerateWidgetSessionError::InvalidUserIds(_)
            | GenerateWidgetSessionError::UnknownProvider(_)
            | GenerateWidgetSessionError::OnDevice(_) => Self::bad_request(error),
            GenerateWidgetSessionError::NoProvider(ref why) => {
                let code = why.first().map_or("provider_unknown", NotOffered::code);
                Self::bad_request(error).with_code(code)
            }
            GenerateWidgetSessionError::Store(error) => Self::from(error).or_repeat(), // another session is harmless
        }
    }
}

impl From<AuthenticateSdkUserError> for ApiError {
    fn from(error: AuthenticateSdkUserError) -> Self {
        match error {
            AuthenticateSdkUserError::InvalidToken => Self::unauthorized(error),
            AuthenticateSdkUserError::UnboundToken => Self::unauthorized(error).with_code("unbound_token"),
            AuthenticateSdkUserError::InvalidResource
            | AuthenticateSdkUserError::InvalidDevice
            | AuthenticateSdkUserError::InvalidReferenceId => Self::bad_request(error),
            AuthenticateSdkUserError::UserLimit => Self::forbidden(error),
            AuthenticateSdkUserError::Store(error) => error.into(),
        }
    }
}
