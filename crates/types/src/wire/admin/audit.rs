use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DevId, wire::lenient};

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// The number of the entry, counted from 1 without gaps.
    pub seq: u64,
    /// When the action happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The author of the action: an admin token's name, or `api key` with the key's name and its last four
    /// characters.
    pub actor: String,
    /// The id of that token or key. It is absent in entries of older versions, and for actions of the
    /// server's own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Uuid>,
    /// The caller's address, if the action came over the network.
    pub origin: Option<String>,
    /// The action, such as `api_key.rotate`.
    pub action: String,
    /// The dev-id of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub dev_id: Option<DevId>,
    /// The id or the name of the action's target.
    pub target: String,
    /// `false` if the action was denied.
    pub allowed: bool,
    /// The MAC of this entry and, through the MAC before it, of all earlier entries: 64 hex digits.
    pub mac: String,
}

/// Selects a page of the audit log.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct AuditParams {
    /// Return the entries after this number; from the first entry by default.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub after: Option<u64>,
    /// Maximum number of entries, up to 500; 500 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
}

/// A page of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// The entries, oldest first.
    pub entries: Vec<AuditEntry>,
    /// The `after` parameter of the next page; `null` on the last page.
    pub next: Option<u64>,
}

/// The result of verifying the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditVerdict {
    /// Whether every entry is present, unchanged and in order.
    pub intact: bool,
    /// The number of verified entries.
    pub entries: u64,
    /// The first entry that is missing, changed or out of order.
    pub broken_at: Option<u64>,
    /// The entry of a vault reset, which lost the MAC key of all earlier entries. The earlier entries are
    /// unchanged since the reset, but nothing proves that they were correct before it. If one of them was
    /// changed since, `broken_at` is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<u64>,
    /// Database rows that the server ignores, because it did not write them or because they were changed since: table
    /// and key, 100 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_rows: Vec<String>,
    /// Admin tokens and API keys that are valid although the log has no entry of their creation, or has one of their
    /// revocation: table and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlogged: Vec<String>,
}
