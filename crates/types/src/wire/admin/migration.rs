use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Provider, ReferenceId, wire::lenient};

/// End users who are to connect another provider in the place of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InviteToMigrate {
    /// Where they are connected.
    pub from: Provider,
    /// Where they are to be connected.
    pub to: Provider,
    /// The end users, at most 500.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub reference_ids: Vec<ReferenceId>,
    /// How long a link works, 1 to 336 hours; 168 by default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 336))]
    #[serde(default, deserialize_with = "lenient::within::<1, 336, _, _>", skip_serializing_if = "Option::is_none")]
    pub valid_hours: Option<u32>,
    /// Where an end user goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_url: Option<Url>,
    /// Where an end user goes when it did not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_url: Option<Url>,
}

/// Who was invited.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationInvitations {
    /// In the order in which they were asked for.
    pub invitations: Vec<MigrationInvitation>,
    /// End users who are not connected to the one provider, or are already connected to the other.
    pub skipped: Vec<ReferenceId>,
}

/// A link for one end user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationInvitation {
    /// The end user.
    pub reference_id: ReferenceId,
    /// Where to send the end user, once. Whoever has it can connect in that end user's name.
    pub url: Url,
    /// Until when it works.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
}

impl fmt::Debug for MigrationInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrationInvitation").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
