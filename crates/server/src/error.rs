//! Every failed answer, in one shape.

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

/// A refusal: a status, and what to do about it, for people.
///
/// As a response it is empty: the layer that knows the request writes the problem.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    code: Option<&'static str>,
    detail: String,
    retry_after_s: Option<u32>,
    challenge: &'static str,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The code of a change that was made or not.
const UNKNOWN_OUTCOME: &str = "outcome_unknown";
/// A database that is away refuses thousands of requests a second.
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

    /// The API key may not be used for this call.
    pub(crate) fn scope_missing(scope: impl Display) -> Self {
        Self::forbidden(format!("this key lacks the scope {scope}")).with_code("scope_missing")
    }

    /// Gives it a name for programs, unless it has one.
    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code.get_or_insert(code);
        self
    }

    /// No admin token, or none that counts.
    pub(crate) fn no_admin() -> Self {
        let detail = "send an admin token that has not expired as Authorization: Bearer ta_admin_…";
        Self { challenge: "Bearer", ..Self::unauthorized(detail) }
    }

    /// For the calls whose published answer to wrong credentials is 403.
    pub(crate) fn or_forbidden(mut self) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// Our fault: logged with its causes, which are not in the response.
    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let detail = "something failed on the server; quote the x-terra-trace-id header when you report it";
        Self { source: Some(Arc::new(error)), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail) }
    }

    pub(crate) fn busy() -> Self {
        let detail = "the server is busy; try again in a moment";
        Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// The database cannot work now; nothing was changed.
    fn unavailable(error: Arc<StoreError>) -> Self {
        let detail = format!("{error}; try again in a moment");
        let unavailable = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_code("store_unavailable");
        Self { retry_after_s: Some(1), source: Some(error), ..unavailable }
    }

    /// The meaning of the database's failure: repeat the call, check before you repeat it, or report it.
    fn of_store(error: Arc<StoreError>) -> Self {
        match &*error {
            StoreError::Busy => Self::busy(),
            StoreError::Unreachable(_) | StoreError::TimedOut | StoreError::Unavailable(_) => Self::unavailable(error),
            StoreError::UnknownOutcome(_) => {
                let detail =
                    "the database went away while it saved the change; look whether it was made before you repeat it";
                let unknown = Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with_code(UNKNOWN_OUTCOME);
                Self { source: Some(error), ..unknown }
            }
            StoreError::Closed | StoreError::Engine(_) => Self::internal(error),
        }
    }

    /// For a call that does no harm when it is made twice: an unknown outcome is a reason to repeat it.
    fn or_repeat(self) -> Self {
        if self.code != Some(UNKNOWN_OUTCOME) {
            return self;
        }
        let detail = "the database went away for a moment; try again".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after_s: Some(1), detail, ..self }
    }

    /// The server cannot work now, whatever the reason.
    pub(crate) fn not_ready(error: StoreError) -> Self {
        Self::unavailable(Arc::new(error))
    }

    /// For the log of requests.
    pub(crate) fn refused(&self) -> Refused {
        Refused { code: self.code, detail: self.detail.clone() }
    }

    /// Writes the problem, and logs an error of the server.
    pub(crate) fn into_problem(self, instance: &str) -> Response {
        self.log();
        problem_response(self.status, &self.problem(instance), self.retry_after_s, self.challenge)
    }

    /// The body of the answer, for the request `instance`.
    pub(crate) fn problem(&self, instance: &str) -> Problem {
        problem(self.status, self.code, &self.detail, instance)
    }

    /// Path and trace id come from the request's span.
    fn log(&self) {
        let Some(source) = &self.source else { return };
        let error = Causes(&**source);
        if self.status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(%error, "a request failed");
        } else if let Some(left_out) = UNAVAILABLE.admit(Instant::now()) {
            tracing::warn!(%error, left_out, "requests were refused as unavailable");
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self); // see `trace`
        response
    }
}

/// A refusal of the current widget call, which has an error body of its own.
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
            AdminError::Refused(_) => Self::conflict(error).with_code("refused"),
            AdminError::Seal(_) => Self::internal(error),
            AdminError::Store(error) => error.into(),
        }
    }
}

impl From<RotateMasterKeyError> for ApiError {
    fn from(error: RotateMasterKeyError) -> Self {
        match error {
            RotateMasterKeyError::Admin(error) => error.into(),
            // The owner gets the fix in the response, as the log may be out of reach.
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
            AccessTokenError::Store(error) => Self::of_store(error).or_repeat(), // a token is lent as often as asked
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
            GenerateWidgetSessionError::Store(error) => Self::from(error).or_repeat(), // another session does no harm
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
