use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Provider, ReferenceId, wire::lenient};

/// Invites end users to replace one provider by another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InviteToMigrate {
    /// The provider that they are connected to.
    pub from: Provider,
    /// The provider to connect instead.
    pub to: Provider,
    /// The end users, at most 500.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    pub reference_ids: Vec<ReferenceId>,
    /// Lifetime of a link in hours, 1 to 336; 168 by default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 336))]
    #[serde(default, deserialize_with = "lenient::within::<1, 336, _, _>", skip_serializing_if = "Option::is_none")]
    pub valid_hours: Option<u32>,
    /// URL that an end user is redirected to after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_url: Option<Url>,
    /// URL that an end user is redirected to after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_url: Option<Url>,
}

/// The created invitations, and the end users without one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationInvitations {
    /// The invitations, in the order of the request.
    pub invitations: Vec<MigrationInvitation>,
    /// End users who are not connected to `from`, or are already connected to `to`.
    pub skipped: Vec<ReferenceId>,
}

/// A migration link for one end user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationInvitation {
    /// The end user.
    pub reference_id: ReferenceId,
    /// URL for the end user; it works once. It is a secret, because anyone who has it can connect in their name.
    pub url: Url,
    /// When the link expires.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
}

impl fmt::Debug for MigrationInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MigrationInvitation").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
