use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ProviderNames, lenient};
use crate::{MobileToken, SessionId, StreamingToken, UserId, time};

/// How long a widget session lives, in seconds.
pub const SESSION_TTL_S: u32 = 900;

/// How long a mobile token lives, in seconds.
pub const MOBILE_TOKEN_TTL_S: u32 = 180;

/// Whether the request worked; the wire repeats it in most bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did.
    #[default]
    Success,
    /// It did not.
    Error,
    /// Events only: it did, and something needs attention.
    Warning,
}

/// What a widget session is made of. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct WidgetSessionParams {
    /// Replaces the environment's list for this session. Names are comma-separated, in any case. An array of names is read
    /// too, with a warning. `ALL`, or no name, is every enabled provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<ProviderNames>,
    /// Language of the pages, such as `en`, `fr`, `zh_cn`; others fall back to the browser's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The app's own name for the end user.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// Where the end user goes afterwards; the literal `multi-auth` sets `multi_auth` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_success_redirect_url: Option<String>,
    /// Where the end user goes when it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_failure_redirect_url: Option<String>,
    /// Lists Apple Health.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub use_terra_avengers_app: Option<bool>,
    /// Link to the app that connects Apple Health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apple_app_url: Option<String>,
    /// Link to the app that connects Samsung Health; lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samsung_app_url: Option<String>,
    /// Users already connected; unknown ones are reported back.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<uuid::Uuid>>))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_uids: Option<Vec<String>>,
    /// Shows a disconnect button beside each connection of `reference_id`.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub show_disconnect: Option<bool>,
    /// Lets one session make several connections.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub multi_auth: Option<bool>,
    /// `true` skips the result page, `false` keeps the end user there.
    #[serde(deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub bypass_feedback: Option<bool>,
}

/// A widget session, ready for the end user's browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetSession {
    /// Names the session; the auth event carries it back.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub session_id: SessionId,
    /// Where to send the end user; a secret, valid until used or expired.
    pub url: Url,
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// Seconds until the URL expires.
    #[serde(default = "session_ttl")]
    pub expires_in: u32,
    /// The instant at which the URL expires, RFC 3339 in UTC to the second. An addition of ours: the published contract has
    /// `expires_in` only. An unreadable one is `None`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime, example = "2026-12-05T12:15:00Z", required = true))]
    #[serde(default, with = "time::second", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why a provider that was asked for is not offered, and what the hosted API would refuse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

const fn session_ttl() -> u32 {
    SESSION_TTL_S
}

/// The error body of the current widget call, which does not use problems.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WidgetError {
    /// What went wrong, for people.
    pub message: String,
    /// A name for programs, such as `environment_disabled`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Always `error`.
    pub status: Status,
    /// Which of `connected_uids` are unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid_user_ids: Vec<String>,
}

/// Asks for a login link of one provider. `resource` may stand in the query or, as older clients send it, in the body.
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
    /// The app's own name for the end user.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// Where the end user goes afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_success_redirect_url: Option<String>,
    /// Where the end user goes when it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_failure_redirect_url: Option<String>,
    /// Which of Terra's iOS apps an Apple Health link opens. Accepted, as Terra does; without effect here.
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

/// A login link of one provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthenticateUser {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// The user that the login will make; no evidence of a connection.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// Where to send the end user; a secret.
    pub auth_url: Url,
}

/// What a mobile token is bound to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct GenerateAuthTokenParams {
    /// Wins over whatever the app passes when it redeems the token.
    #[cfg_attr(feature = "openapi", param(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
}

/// A mobile token: 64 hex digits unless bound to a reference id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthToken {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// Redeemed once, by the mobile SDK.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: MobileToken,
    /// Seconds until the token expires.
    #[serde(default = "mobile_token_ttl")]
    pub expires_in: u32,
}

const fn mobile_token_ttl() -> u32 {
    MOBILE_TOKEN_TTL_S
}

/// Redeems a mobile token. Ours: the published contract names the call but not its shape.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub struct AuthenticateSdkUserParams {
    /// The on-device source: `APPLE`, `SAMSUNG`, `HEALTH_CONNECT`.
    #[cfg_attr(feature = "openapi", param(required = true))]
    #[serde(default)]
    pub resource: Option<String>,
    /// The device's own stable id; a new one replaces the connection.
    #[cfg_attr(
        feature = "openapi",
        param(required = true, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    #[serde(default)]
    pub resource_user_identifier: Option<String>,
    /// The app's own name for the end user; a bound token's value wins.
    #[cfg_attr(feature = "openapi", param(max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default)]
    pub reference_id: Option<String>,
}

/// The connection that a mobile token opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthenticateSdkUser {
    /// Always `success`.
    pub status: Status,
    /// The connection's id.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The reference id it was made under.
    pub reference_id: Option<String>,
}

/// Which user to forget.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct DeauthenticateUserParams {
    /// The user's id.
    #[cfg_attr(feature = "openapi", param(required = true))]
    pub user_id: Option<String>,
}

/// It worked, and there is nothing else to say.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// Always `success`.
    pub status: Status,
}

impl Done {
    /// The only value there is.
    pub const SUCCESS: Self = Self { status: Status::Success };
}

/// The user is deleted here.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deauthenticated {
    /// Always `success`.
    pub status: Status,
    /// Always `true`. An addition of ours, which the published guides read.
    #[serde(default = "yes")]
    pub success: bool,
}

impl Deauthenticated {
    /// The only value there is.
    pub const SUCCESS: Self = Self { status: Status::Success, success: true };
}

const fn yes() -> bool {
    true
}

/// Whose samples a producer's streaming token is for.
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
    /// To be presented in the IDENTIFY frame.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: StreamingToken,
}
