use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ProviderNames, lenient};
use crate::{MobileToken, SessionId, StreamingToken, UserId, time};

/// The lifetime of a widget session, in seconds.
pub const SESSION_TTL_S: u32 = 900;

/// The lifetime of a mobile token, in seconds.
pub const MOBILE_TOKEN_TTL_S: u32 = 180;

/// Whether the request succeeded. Most bodies repeat it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The request succeeded.
    #[default]
    Success,
    /// The request failed.
    Error,
    /// In events only: it succeeded, and something needs attention.
    Warning,
}

/// Parameters of a new widget session. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct WidgetSessionParams {
    /// Replaces the environment's list of providers for this session. Names are comma-separated, in any case.
    /// An array of names is accepted too, with a warning. `ALL`, or no name, means every enabled provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<ProviderNames>,
    /// Language of the pages, such as `en`, `fr`, `zh_cn`. For any other value, the browser's language is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The app's own id for the end user.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// URL that the end user is redirected to after a success. The literal `multi-auth` sets `multi_auth` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_success_redirect_url: Option<String>,
    /// URL that the end user is redirected to after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_failure_redirect_url: Option<String>,
    /// Whether the widget lists Apple Health.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub use_terra_avengers_app: Option<bool>,
    /// Link to the app that connects Apple Health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_app_url: Option<String>,
    /// Link to the app that connects Samsung Health. If it is set, the widget lists Samsung Health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samsung_app_url: Option<String>,
    /// Ids of users that are already connected. Unknown ids are reported in the response.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<uuid::Uuid>>))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_uids: Option<Vec<String>>,
    /// Whether the widget shows a disconnect button for each connection of `reference_id`.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub show_disconnect: Option<bool>,
    /// Whether one session can create several connections.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub multi_auth: Option<bool>,
    /// `true` skips the result page; `false` leaves the end user on it.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub bypass_feedback: Option<bool>,
}

/// A widget session, ready for the end user's browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetSession {
    /// The id of the session; the `auth` event repeats it.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub session_id: SessionId,
    /// URL to open in the end user's browser. It is a secret, valid until it is used or expires.
    pub url: Url,
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// Seconds until the URL expires.
    #[serde(default = "session_ttl")]
    pub expires_in: u32,
    /// The time at which the URL expires, RFC 3339 in UTC to the second. An addition of ours: the published contract
    /// has `expires_in` only. The client ignores a value that it cannot parse.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-12-05T12:15:00Z", required = true))]
    #[serde(default, with = "time::second", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Reasons why a requested provider is not offered, and parameters that the hosted API would reject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

const fn session_ttl() -> u32 {
    SESSION_TTL_S
}

/// The error body of the current widget call, which does not return problems.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetError {
    /// The error, for people.
    pub message: String,
    /// The error code for programs, such as `environment_disabled`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Always `error`.
    pub status: Status,
    /// The unknown ids of `connected_uids`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid_user_ids: Vec<String>,
}

/// Parameters of a login link for one provider. `resource` is in the query or, from older clients, in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AuthenticateUserParams {
    /// The provider, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Language of the pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The app's own id for the end user.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// URL that the end user is redirected to after a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_success_redirect_url: Option<String>,
    /// URL that the end user is redirected to after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_failure_redirect_url: Option<String>,
    /// The iOS app of Terra that an Apple Health link opens. Accepted, as by Terra, but without effect here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_app: Option<SdkApp>,
}

/// One of Terra's iOS apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SdkApp {
    /// Terra Avengers.
    Avengers,
    /// Grip.
    Grip,
}

/// A login link for one provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthenticateUser {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// The id of the user that the login will create. It does not prove that the user is connected.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// URL to open in the end user's browser; a secret.
    pub auth_url: Url,
}

/// Parameters of a new mobile token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct GenerateAuthTokenParams {
    /// The reference id that the token is bound to. It overrides the one that the app sends when it redeems
    /// the token.
    #[cfg_attr(feature = "openapi", param(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
}

/// A mobile token: 64 hex digits, unless it is bound to a reference id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthToken {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// The token. The mobile SDK redeems it once.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: MobileToken,
    /// Seconds until the token expires.
    #[serde(default = "mobile_token_ttl")]
    pub expires_in: u32,
}

const fn mobile_token_ttl() -> u32 {
    MOBILE_TOKEN_TTL_S
}

/// Parameters for redeeming a mobile token. Their names are ours: the published contract names the call only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct AuthenticateSdkUserParams {
    /// The on-device source: `APPLE`, `SAMSUNG`, `HEALTH_CONNECT`.
    #[cfg_attr(feature = "openapi", param(required = true))]
    #[serde(default)]
    pub resource: Option<String>,
    /// The device's own stable id. A new id replaces the connection.
    #[cfg_attr(
        feature = "openapi",
        param(required = true, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    #[serde(default)]
    pub resource_user_identifier: Option<String>,
    /// The app's own id for the end user. The reference id of a bound token overrides it.
    #[cfg_attr(feature = "openapi", param(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default)]
    pub reference_id: Option<String>,
}

/// The connection that a mobile token created.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthenticateSdkUser {
    /// Always `success`.
    pub status: Status,
    /// The connection's id.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The reference id of the connection.
    pub reference_id: Option<String>,
}

/// The user to deauthenticate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct DeauthenticateUserParams {
    /// The user's id.
    #[cfg_attr(feature = "openapi", param(required = true))]
    pub user_id: Option<String>,
}

/// A success without further data.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// Always `success`.
    pub status: Status,
}

impl Done {
    /// The only value of this type.
    pub const SUCCESS: Self = Self { status: Status::Success };
}

/// The user was deauthenticated and deleted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deauthenticated {
    /// Always `success`.
    pub status: Status,
    /// Always `true`. An addition of ours, because the published guides read it.
    #[serde(default = "yes")]
    pub success: bool,
}

impl Deauthenticated {
    /// The only value of this type.
    pub const SUCCESS: Self = Self { status: Status::Success, success: true };
}

const fn yes() -> bool {
    true
}

/// The user whose samples a producer streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct StreamUserParams {
    /// The user's id.
    #[cfg_attr(feature = "openapi", param(required = true, min_length = 1))]
    pub id: Option<String>,
}

/// A single-use token for the streaming socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamToken {
    /// The token, for the IDENTIFY frame.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: StreamingToken,
}
