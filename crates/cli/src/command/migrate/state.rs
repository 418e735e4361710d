//! How far a migration is: the connections themselves tell it.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use terra_auth::{
    DevId, UserId,
    admin::{AdminClient, AdminError},
};

use super::Move;

/// What each end user has of the two providers.
#[derive(Default)]
pub(super) struct State {
    /// By reference id.
    pub(super) end_users: BTreeMap<String, EndUser>,
    /// Old connections of nobody that can be invited.
    pub(super) nameless: u64,
}

/// The connections of one end user.
#[derive(Default)]
pub(super) struct EndUser {
    pub(super) old: Vec<UserId>,
    /// When the first new connection was made.
    pub(super) new_since: Option<Timestamp>,
}

/// Reads every connection of the environment, keeping those of the two providers.
pub(super) async fn read(admin: &AdminClient, dev_id: &DevId, between: &Move) -> Result<State, AdminError> {
    let mut state = State::default();
    let mut connections = Box::pin(admin.export_connections(dev_id, false));
    while let Some(connection) = connections.try_next().await? {
        let (is_old, is_new) = (connection.provider == between.from, connection.provider == between.to);
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
            let made = connection.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
            end_user.new_since = Some(end_user.new_since.map_or(made, |since| since.min(made)));
        }
    }
    Ok(state)
}

impl EndUser {
    /// Only at the old provider.
    pub(super) fn is_to_move(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_none()
    }

    /// At both, the overlap.
    pub(super) fn is_at_both(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_some()
    }
}
