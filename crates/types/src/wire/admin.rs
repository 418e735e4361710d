//! The admin API: ours, below the published prefix `/api/v3/admin`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;
use uuid::Uuid;

use crate::{
    ApiKey, ClientSecret, DevId, Environment, KeyId, Provider, Scopes, SigningSecret,
    secret::{AdminToken, shown_once},
    wire::lenient,
};

mod check;
mod connection;
mod migration;
mod portable;

pub use check::{AppVerdict, ProviderAppCheck, SecretCheck};
pub use connection::{AdminConnection, FailedRefresh, GrantState, RefreshFailure, RefreshReport};
pub use migration::{InviteToMigrate, MigrationInvitation, MigrationInvitations};
pub use portable::{
    ExportParams, ImportConnections, ImportedConnections, PortableConnection, PortableConnections, RefusedConnection,
};

mod lent;
mod revocation;
mod vault;

pub use lent::LentAccessToken;
pub use revocation::{RevocationOutcome, RevocationParams, RevocationReason, RevocationReport, RevocationReports};
pub use vault::{RotatedMasterKey, VaultKey, VaultKeyState, VaultRotation, VaultRotationState, VaultStatus};

/// An environment, as operators see it. Instants are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironment {
    /// Names it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// Testing, staging or production.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub environment: Environment,
    /// False refuses every call with its keys.
    pub active: bool,
    /// How many users are connected.
    pub users: u64,
    /// What can be promoted to another environment.
    #[serde(flatten)]
    pub settings: EnvironmentSettings,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created_at: Timestamp,
}

/// The settings of an environment, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// What the widget calls the app.
    pub name: String,
    /// Shown above the widget.
    pub logo_url: Option<Url>,
    /// `#rrggbb`, for the widget's buttons.
    pub accent: Option<String>,
    /// How many users may be connected at once; `null` is no cap.
    pub user_limit: Option<u32>,
    /// The providers it offers; `null` is all.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub providers: Option<Vec<Provider>>,
    /// URL prefixes that end users may be sent to; empty is anywhere that is safe.
    #[serde(default)]
    pub redirect_allow_list: Vec<Url>,
    /// Where events are posted.
    pub destination: Option<Url>,
    /// Whether an end user who connects an account again keeps the user id: no `user_reauth` then, and the `user_id` that
    /// a login link named is void.
    #[serde(default)]
    pub keep_user_id: bool,
}

/// Changes to an environment. A field that is absent stays; `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ChangeEnvironment {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new logo.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<Option<Url>>,
    /// A new colour.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub accent: Option<Option<String>>,
    /// A new cap.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub user_limit: Option<Option<u32>>,
    /// Other providers.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub providers: Option<Option<Vec<Provider>>>,
    /// Another allow-list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_allow_list: Option<Vec<Url>>,
    /// Another destination.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub destination: Option<Option<Url>>,
    /// Whether end users who come back keep their user ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_user_id: Option<bool>,
    /// False disables the environment, true enables it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

#[expect(clippy::option_option, reason = "absent and null mean different things")]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// All environments of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironments {
    /// By dev-id.
    pub environments: Vec<AdminEnvironment>,
}

/// What a new environment is made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateEnvironment {
    /// Testing, staging or production.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub environment: Environment,
    /// What the widget calls the app.
    pub name: String,
}

/// The credentials of a new environment; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedEnvironment {
    /// Names it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// Its first key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// Signs its events.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
}

/// What is lost with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnvironmentContents {
    /// Connected users; their grants are revoked at the providers.
    pub users: u64,
    /// API keys.
    pub api_keys: u64,
    /// Events that wait to be delivered.
    pub waiting_deliveries: u64,
}

/// What whoever deletes an environment knows of it. All three are needed; the refusal names them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DeleteEnvironmentParams {
    /// How many users are connected.
    #[serde(deserialize_with = "lenient::number")]
    pub users: Option<u64>,
    /// How many API keys work.
    #[serde(deserialize_with = "lenient::number")]
    pub api_keys: Option<u64>,
    /// How many events wait.
    #[serde(deserialize_with = "lenient::number")]
    pub waiting_deliveries: Option<u64>,
}

impl DeleteEnvironmentParams {
    /// The counts, if all were given.
    #[must_use]
    pub fn confirmed(self) -> Option<EnvironmentContents> {
        let Self { users, api_keys, waiting_deliveries } = self;
        Some(EnvironmentContents { users: users?, api_keys: api_keys?, waiting_deliveries: waiting_deliveries? })
    }
}

/// An API key, without the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKey {
    /// Names the key.
    #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
    pub key_id: KeyId,
    /// What the operator calls it.
    pub name: String,
    /// Its last four characters.
    pub hint: String,
    /// What it may be used for.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub scopes: Scopes,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created_at: Timestamp,
    /// When it stops, or stopped, working; `null` is never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub last_used_at: Option<Timestamp>,
}

/// All keys of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKeys {
    /// Oldest first.
    pub keys: Vec<AdminKey>,
}

/// What a new key is made with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CreateKey {
    /// What to call it.
    pub name: String,
    /// What it may be used for; all by default.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub scopes: Option<Scopes>,
    /// Days until it stops working, 1 to 1825; never by default.
    pub expires_in_days: Option<u32>,
}

/// A new key; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedKey {
    /// The environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The key itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// What is known of it from now on.
    pub key: AdminKey,
    /// Which keys it replaces, and until when they work.
    pub retiring: Vec<AdminKey>,
}

/// How a key is replaced or ended.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct RetireKey {
    /// Seconds that the old one goes on working; by default 86 400 for a rotation, and 0 for an end.
    #[serde(deserialize_with = "lenient::number")]
    pub overlap_s: Option<u32>,
    /// End it at once: it leaked.
    #[serde(deserialize_with = "lenient::flag")]
    pub now: bool,
    /// End it although it was used in the last minutes.
    #[serde(deserialize_with = "lenient::flag")]
    pub force: bool,
}

/// Which secret signs while one replaces the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SignWith {
    /// The old one, until the overlap ends: receivers get the new one meanwhile.
    #[default]
    Old,
    /// The new one, at once.
    New,
    /// Both, as two `v1` signatures: only for receivers that read several.
    Both,
}

impl SignWith {
    /// The name, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Both => "both",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Old, Self::New, Self::Both].into_iter().find(|choice| choice.as_str() == name)
    }
}

/// How the signing secret is replaced.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RotateSigningSecret {
    /// Seconds until the old one is forgotten; 86 400 by default.
    pub overlap_s: Option<u32>,
    /// Forget the old one at once: it leaked.
    pub now: bool,
    /// Which one signs meanwhile.
    pub sign_with: SignWith,
}

/// A new signing secret; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedSigningSecret {
    /// The environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
    /// When the old one is forgotten; `null` if it is already.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub old_until: Option<Timestamp>,
}

/// What an admin may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look at everything but secrets.
    ReadOnly,
    /// Keys, secrets and settings of environments.
    Operator,
    /// Environments and admins themselves.
    Owner,
}

impl Role {
    /// The name, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadOnly, Self::Operator, Self::Owner].into_iter().find(|role| role.as_str() == name)
    }
}

/// What a new admin token is made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateAdminToken {
    /// Whose token it is.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Days until it stops working, 1 to 365; 30 by default.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// An admin token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokenInfo {
    /// Names it.
    pub token_id: Uuid,
    /// Whose token it is.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created_at: Timestamp,
    /// When it stops working; `null` is never (the bootstrap token only).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub expires_at: Option<Timestamp>,
}

/// All admin tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokens {
    /// Oldest first.
    pub tokens: Vec<AdminTokenInfo>,
}

/// A new admin token; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedAdminToken {
    /// The token itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub token: AdminToken,
    /// What is known of it from now on.
    pub info: AdminTokenInfo,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Counted from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub at: Timestamp,
    /// Who did it: an admin token's name.
    pub actor: String,
    /// From where: an address, if it came over the network.
    pub origin: Option<String>,
    /// What was done, such as `api_key.rotate`.
    pub action: String,
    /// In which environment.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub dev_id: Option<DevId>,
    /// To what: an id or a name.
    pub target: String,
    /// False if it was denied.
    pub allowed: bool,
    /// The chain's value after this line: 64 hex digits.
    pub mark: String,
}

/// Which part of the audit log.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct AuditParams {
    /// Lines after this one; from the beginning by default.
    #[serde(deserialize_with = "lenient::number")]
    pub after: Option<u64>,
    /// How many lines, 500 at most and by default.
    #[serde(deserialize_with = "lenient::number")]
    pub limit: Option<u32>,
}

/// A part of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// Oldest first.
    pub entries: Vec<AuditEntry>,
    /// `after` of the next page; `null` at the end.
    pub next: Option<u64>,
}

/// Whether the audit log is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditVerdict {
    /// Whether every line is there, unchanged and in order.
    pub intact: bool,
    /// How many lines were looked at.
    pub entries: u64,
    /// The first line that is missing, changed or out of order.
    pub broken_at: Option<u64>,
    /// The line of the vault's reset in which the key of all lines before it was lost: they are as they were then, and
    /// nothing proves that they were true. If one of them was changed since, `broken_at` is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<u64>,
}

/// An operator's app at a provider, for one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetProviderApp {
    /// What the provider calls the app.
    pub client_id: String,
    /// Its secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// Headers that the provider wants besides, such as a subscription key; no answer shows their values.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
}

/// A new secret for an operator's app. The client id stays: grants belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateProviderApp {
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// The headers that go with it.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
    /// Seconds that the old one is still tried where the new one is refused; 86 400 by default.
    #[serde(default)]
    pub overlap_s: Option<u32>,
    /// Forget the old one at once: it leaked.
    #[serde(default)]
    pub now: bool,
}

/// An operator's app at a provider, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApp {
    /// The provider.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub provider: Provider,
    /// What the provider calls the app.
    pub client_id: String,
    /// The last four characters of its secret; empty for a short one.
    pub hint: String,
    /// The names of its headers.
    pub headers: Vec<String>,
    /// When it was set first.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created_at: Timestamp,
    /// When the secret was set.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub changed_at: Timestamp,
    /// When it was last used, give or take a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub last_used_at: Option<Timestamp>,
    /// As `hint`, of the secret that is being replaced.
    pub previous_hint: Option<String>,
    /// When that one is forgotten.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub previous_until: Option<Timestamp>,
}

/// The apps that an environment has of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApps {
    /// By provider.
    pub apps: Vec<AdminProviderApp>,
}

fn each_shown_once<S: Serializer>(secrets: &BTreeMap<String, ClientSecret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{AppVerdict, Role, SignWith};

    #[test]
    fn a_name_is_the_same_in_texts_and_on_the_wire() {
        for role in [Role::ReadOnly, Role::Operator, Role::Owner] {
            assert_eq!(json!(role), role.as_str());
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
        for choice in [SignWith::Old, SignWith::New, SignWith::Both] {
            assert_eq!(json!(choice), choice.as_str());
            assert_eq!(SignWith::from_name(choice.as_str()), Some(choice));
        }
        for verdict in [AppVerdict::Known, AppVerdict::Refused, AppVerdict::Unclear, AppVerdict::Unreachable] {
            assert_eq!(json!(verdict), verdict.as_str());
        }
    }
}

/// Where an environment's events are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookDestination {
    /// `null` keeps events without sending them.
    #[serde(deserialize_with = "Option::deserialize")]
    pub destination: Option<Url>,
}
