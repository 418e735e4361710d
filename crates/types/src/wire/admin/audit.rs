use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DevId, wire::lenient};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Counted from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Who did it: an admin token's name, or `api key`, a key's name and its last four characters.
    pub actor: String,
    /// The id of that token or key. Lines from before ids were written have none, and the machine itself has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Uuid>,
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
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub after: Option<u64>,
    /// How many lines, 500 at most and by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Rows that are ignored, as they were not written by this server or were changed since: table and key, 100 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_rows: Vec<String>,
    /// Admin tokens and API keys that work although the log does not say that they were created, or says that they were
    /// revoked: table and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlogged: Vec<String>,
}
