//! Examples of problem responses. The code that creates the real response creates each example, so their texts are equal.

use axum::http::StatusCode;
use serde_json::{Value, json};
use terra_auth_core::{
    admin::action::AdminError,
    connection::DeauthenticateUserError,
    node::{directory::NotAuthenticated, refresh::in_flight::AccessTokenError},
    sdk_user::AuthenticateSdkUserError,
    widget_session::{GenerateWidgetSessionError, NotOffered},
};
use terra_auth_types::wire::admin::EnvironmentContents;

use crate::{error::ApiError, params, route::admin::usual_code};

/// The inputs of a response's example.
pub(super) struct ProblemExamples<'a> {
    /// The operation's id.
    pub(super) operation: &'a str,
    /// The documented path.
    pub(super) path: &'a str,
    /// The status of the response.
    pub(super) status: &'a str,
    /// The document's description of the response.
    pub(super) description: &'a str,
}

impl ProblemExamples<'_> {
    /// One problem for each reason, by name.
    pub(super) fn examples(&self) -> Vec<(String, Value)> {
        let reasons = self.reasons();
        let named = reasons.into_iter().map(|error| {
            let usual = usual_code(error.status);
            let error = if self.is_admin() { error.with_code(usual) } else { error };
            let problem = json!(error.problem(&self.instance()));
            let name = problem["code"].as_str().or(problem["title"].as_str()).unwrap_or_default().replace(' ', "_");
            (name, problem)
        });
        named.collect()
    }

    /// The body of the widget call, which does not use problems.
    pub(super) fn widget_error(&self) -> Value {
        let reason = self.reasons().into_iter().next().map(|error| json!(error.problem("")));
        let mut body = json!({"status": "error"});
        for field in ["message", "code"] {
            if let Some(text) = reason.as_ref().and_then(|reason| reason[field].as_str()) {
                body[field] = text.into();
            }
        }
        body
    }

    /// The path of the rejected request.
    fn instance(&self) -> String {
        let id = "3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11";
        let path = self.path.replace("{dev_id}", "acme-testing-4fd81c").replace("{provider}", "garmin");
        ["{user_id}", "{key_id}", "{token_id}", "{event_id}"].iter().fold(path, |path, name| path.replace(name, id))
    }

    fn is_admin(&self) -> bool {
        self.path.starts_with("/api/v3/admin")
    }

    fn reasons(&self) -> Vec<ApiError> {
        match self.status {
            "400" => vec![self.malformed()],
            "401" => self.unauthorized(),
            "403" => self.forbidden(),
            "404" => vec![self.not_found()],
            "408" => vec![params::body_timeout()],
            "409" => self.conflicts(),
            "413" => vec![params::body_too_large()],
            "503" => vec![self.unavailable()],
            other => {
                let status = StatusCode::from_bytes(other.as_bytes()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                vec![ApiError::new(status, self.description)]
            }
        }
    }

    fn malformed(&self) -> ApiError {
        match self.operation {
            "audit_page" | "list_revocations" | "export_connections" | "list_deliveries" => {
                ApiError::bad_request("invalid limit: out of range, 1 to 500")
            }
            "delete_environment" => ApiError::bad_request("invalid users: invalid digit found in string"),
            "bulk_user_info" => ApiError::bad_request(
                "the JSON body cannot be read: invalid type: map, expected a sequence at line 1 column 0",
            ),
            "user_info" => ApiError::bad_request("user_id or reference_id is missing"),
            "deauthenticate_user" => ApiError::bad_request("user_id is missing"),
            "user_streaming_token" => ApiError::bad_request("id is missing"),
            "developer_streaming_token" => ApiError::bad_request(
                "send the dev-id and x-api-key headers, or Authorization: Basic base64(dev-id:api-key)",
            ),
            "authenticate_user" => GenerateWidgetSessionError::UnknownProvider("GARMIM".to_owned()).into(),
            "create_widget_session" | "generate_widget_session" => {
                let similar = "FITBIT".parse().ok();
                let unknown = NotOffered::Unknown { name: "FITBTI".to_owned(), similar };
                GenerateWidgetSessionError::NoProvider(vec![unknown]).into()
            }
            "authenticate_sdk_user" => AuthenticateSdkUserError::InvalidDevice.into(),
            "generate_auth_token" | "tokens" => AuthenticateSdkUserError::InvalidReferenceId.into(),
            "subscriptions" => ApiError::bad_request("invalid per_page: out of range, 1 to 10000"),
            "change_webhook_destination" | "create_destination" | "change_destination" => {
                AdminError::Invalid("URL: https (http on loopback only)").into()
            }
            "trigger_event" => AdminError::Invalid("payload: a body that matches the schema of its `type`").into(),
            "import_connections" => AdminError::Invalid("connections: at most 500 at once").into(),
            "invite_to_migrate" => AdminError::Invalid("valid_hours: 1 to 336").into(),
            "set_provider_app" | "rotate_provider_app" => {
                AdminError::Invalid("client_secret: 1 to 4096 bytes of visible text").into()
            }
            _ if self.is_admin() => AdminError::Invalid("name: 1 to 100 bytes of text").into(),
            _ => ApiError::bad_request(self.description),
        }
    }

    fn unauthorized(&self) -> Vec<ApiError> {
        match self.operation {
            "authenticate_sdk_user" => {
                vec![AuthenticateSdkUserError::InvalidToken.into(), AuthenticateSdkUserError::UnboundToken.into()]
            }
            _ if self.is_admin() => vec![ApiError::no_admin()],
            _ => vec![NotAuthenticated::Mismatch.into()],
        }
    }

    fn forbidden(&self) -> Vec<ApiError> {
        let disabled = || ApiError::from(NotAuthenticated::Disabled);
        if self.operation == "authenticate_sdk_user" {
            return vec![AuthenticateSdkUserError::UserLimit.into(), disabled()];
        }
        if self.is_admin() {
            let needs = if self.description.contains("owner") { "owner" } else { "operator" };
            let has = if needs == "owner" { "operator" } else { "read-only" };
            return vec![AdminError::Forbidden { needs, has }.into()];
        }
        let scope = ["auth:write", "connections:read", "connections:write", "webhooks:write"];
        let scope = scope.into_iter().find(|scope| self.description.contains(scope)).unwrap_or("auth:write");
        let mismatch = self.description.starts_with("Wrong credentials");
        let mismatch = mismatch.then(|| ApiError::from(NotAuthenticated::Mismatch).or_forbidden());
        mismatch.into_iter().chain([ApiError::scope_missing(scope), disabled()]).collect()
    }

    fn not_found(&self) -> ApiError {
        match self.operation {
            "revoke_api_key" | "rotate_api_key" => {
                AdminError::NotFound("no such key, or it has already expired").into()
            }
            "connection_report" => AdminError::NotFound("no such connection").into(),
            "show_event" | "replay_deliveries" => AdminError::NotFound("no such event").into(),
            "change_destination" | "delete_destination" => AdminError::NotFound("no such destination").into(),
            "issue_access_token" => AccessTokenError::UserNotFound.into(),
            "set_provider_app" => AdminError::NotFound("this server has no login at that provider").into(),
            "remove_provider_app" | "check_provider_app" | "rotate_provider_app" => {
                AdminError::NotFound("this environment has no app of its own at that provider").into()
            }
            "revoke_admin_token" => AdminError::NotFound("no such admin token").into(),
            "deauthenticate_user" | "user_info" => DeauthenticateUserError::UserNotFound.into(),
            _ if self.is_admin() => AdminError::UnknownEnvironment.into(),
            _ => ApiError::not_found(self.description),
        }
    }

    fn conflicts(&self) -> Vec<ApiError> {
        match self.operation {
            "delete_environment" => {
                let contents = EnvironmentContents { users: 128, api_keys: 2, waiting_deliveries: 0 };
                vec![AdminError::NotConfirmed(contents).into()]
            }
            "issue_access_token" => vec![AccessTokenError::NeedsConsent.into(), AccessTokenError::Revoked.into()],
            "create_api_key" | "rotate_api_key" => {
                vec![AdminError::TooMany("an environment has at most 100 keys; revoke some first").into()]
            }
            "revoke_api_key" => vec![AdminError::RecentlyUsed(noon()).into()],
            "create_admin_token" => vec![AdminError::TooMany("there are 100 admin tokens; revoke some first").into()],
            "revoke_admin_token" => {
                vec![AdminError::Conflict("this is the last owner token; create another owner token first").into()]
            }
            "rotate_master_key" => {
                let detail = "the master keys cannot be read again: the file is gone";
                vec![ApiError::conflict(detail).with_code("master_key_unreadable")]
            }
            _ => vec![AdminError::Conflict("the current state does not allow this action").into()],
        }
    }

    fn unavailable(&self) -> ApiError {
        match self.operation {
            "issue_access_token" => AccessTokenError::Unavailable { retry_at: noon() }.into(),
            _ => ApiError::busy(),
        }
    }
}

/// 5 December 2026, 12:00 UTC.
fn noon() -> jiff::Timestamp {
    jiff::Timestamp::constant(1_796_472_000, 0)
}
