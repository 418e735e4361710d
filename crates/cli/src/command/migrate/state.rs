//! The state of a migration, derived from the connections.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use terra_auth::{
    DevId, UserId,
    admin::{AdminClient, AdminError},
};

use super::Migration;

/// The connections of all end users to the two providers.
#[derive(Default)]
pub(super) struct MigrationState {
    /// By reference id.
    pub(super) end_users: BTreeMap<String, EndUser>,
    /// The number of old connections without a reference id, whose end users cannot be invited.
    pub(super) nameless: u64,
}

/// The connections of one end user.
#[derive(Default)]
pub(super) struct EndUser {
    pub(super) old: Vec<UserId>,
    /// When the first new connection was created.
    pub(super) new_since: Option<Timestamp>,
}

/// Reads every connection of the environment, and selects those of the two providers.
pub(super) async fn read(
    admin: &AdminClient,
    dev_id: &DevId,
    migration: &Migration,
) -> Result<MigrationState, AdminError> {
    let mut state = MigrationState::default();
    let mut connections = Box::pin(admin.export_connections(dev_id, false));
    while let Some(connection) = connections.try_next().await? {
        let (is_old, is_new) = (connection.provider == migration.from, connection.provider == migration.to);
        if !is_old && !is_new {
            continue;
        }
        let Some(reference_id) = &connection.reference_id else {
            state.nameless += u64::from(is_old);
            continue;
        };
        let end_user = state.end_users.entry(reference_id.to_string()).or_default();
        if is_old {
            end_user.old.extend(connection.user_id);
        } else {
            let created = connection.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
            end_user.new_since = Some(end_user.new_since.map_or(created, |since| since.min(created)));
        }
    }
    Ok(state)
}

impl EndUser {
    /// Whether the end user is connected to the old provider only.
    pub(super) fn is_at_old_only(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_none()
    }

    /// Whether the end user is connected to both providers.
    pub(super) fn is_at_both(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_some()
    }
}
