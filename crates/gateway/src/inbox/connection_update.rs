//! The effect of an update on a connection, as a pure function.

use jiff::Timestamp;
use terra_auth_model::known_connection::{ConnectionState, KnownConnection};
use terra_auth_types::{ConnectionId, wire::TerraUser};

use crate::inbox::{text, whole_ms};

/// An update about one connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionUpdate {
    told: KnownConnection,
    change: Change,
}

/// The kind of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Connected,
    Deauthenticated,
    Revoked,
    Failing,
    /// The end user changed the granted permissions. Both lists are comma-separated.
    Permissions {
        added: String,
        removed: String,
    },
    /// The upstream lists the connection. `active` is whether it sends updates for it.
    Seen {
        active: bool,
    },
}

/// Longer than the permissions of any provider.
const MAX_SCOPES: usize = 4096;

impl ConnectionUpdate {
    /// An update about a user. `connection_id` is used if the connection is not known yet.
    pub(crate) fn new(connection_id: ConnectionId, user: &TerraUser, change: Change, at: Timestamp) -> Self {
        let told = KnownConnection {
            connection_id,
            user_id: user.user_id,
            reference_id: user.reference_id.as_deref().and_then(|id| id.parse().ok()),
            provider: user.provider.clone(),
            scopes: user.scopes.as_ref().map(|scopes| text(scopes, MAX_SCOPES)),
            state: change.state(),
            connected_at: user.created_at.map(whole_ms), // a store has this precision; a remainder would look like a change
            changed_at: at,
        };
        Self { told, change }
    }

    /// The connection, if nothing else is known about it.
    pub(crate) fn as_new_connection(&self) -> KnownConnection {
        KnownConnection { scopes: self.change.scopes(self.told.scopes.as_deref()), ..self.told.clone() }
    }
}

impl Change {
    /// The state of a connection that was not known before.
    const fn state(&self) -> ConnectionState {
        match self {
            Self::Connected | Self::Permissions { .. } | Self::Seen { active: true } => ConnectionState::Active,
            Self::Failing | Self::Seen { active: false } => ConnectionState::Failing,
            Self::Revoked => ConnectionState::Revoked,
            Self::Deauthenticated => ConnectionState::Deauthenticated,
        }
    }

    /// A listed connection can still be failing: the upstream may not know yet.
    const fn state_after(&self, state: ConnectionState) -> ConnectionState {
        match (self, state) {
            (Self::Seen { .. }, ConnectionState::Failing | ConnectionState::Revoked) => state,
            _ => self.state(),
        }
    }

    /// The granted scopes after the change. If `granted` contains the change already, the result is
    /// the same.
    fn scopes(&self, granted: Option<&str>) -> Option<String> {
        let Self::Permissions { added, removed } = self else { return granted.map(str::to_owned) };
        let mut scopes: Vec<_> =
            list(granted.unwrap_or_default()).filter(|scope| !is_same_state(removed, scope)).collect();
        scopes.extend(list(added).filter(|scope| !granted.is_some_and(|granted| is_same_state(granted, scope))));
        Some(text(&scopes.join(","), MAX_SCOPES))
    }
}

fn list(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty())
}

fn is_same_state(scopes: &str, scope: &str) -> bool {
    list(scopes).any(|held| held == scope)
}

impl ConnectionUpdate {
    /// The connection after this update; `None` if nothing changes.
    ///
    /// An update that is older than the known state changes nothing. A deauthenticated connection
    /// becomes active again only by a login or by being listed, and only if that is newer than the
    /// deauthentication.
    pub(crate) fn apply_to(&self, known: &KnownConnection) -> Option<KnownConnection> {
        if !self.is_applicable_to(known) {
            return None;
        }
        let told = &self.told;
        let after = KnownConnection {
            connection_id: known.connection_id,
            reference_id: told.reference_id.clone().or_else(|| known.reference_id.clone()),
            scopes: self.change.scopes(told.scopes.as_deref().or(known.scopes.as_deref())),
            state: self.change.state_after(known.state),
            connected_at: told.connected_at.or(known.connected_at),
            ..told.clone()
        };
        let differs = match self.change {
            Change::Seen { .. } => KnownConnection { changed_at: known.changed_at, ..after.clone() } != *known,
            _ => after != *known,
        };
        differs.then_some(after)
    }

    fn is_applicable_to(&self, known: &KnownConnection) -> bool {
        match (known.state, &self.change) {
            (ConnectionState::Deauthenticated, Change::Connected | Change::Seen { .. }) => {
                self.told.changed_at > known.changed_at
            }
            (ConnectionState::Deauthenticated, Change::Failing | Change::Revoked | Change::Permissions { .. }) => false,
            _ => self.told.changed_at >= known.changed_at,
        }
    }
}

/// The row for a user id that is no longer valid.
pub(crate) fn ended(known: KnownConnection, connection_id: ConnectionId, at: Timestamp) -> KnownConnection {
    let changed_at = known.changed_at.max(at);
    KnownConnection { connection_id, state: ConnectionState::Deauthenticated, changed_at, ..known }
}

/// Copies the id and the facts of an earlier connection, if both belong to the same end user.
pub(crate) fn inherit(new: &mut KnownConnection, earlier: &KnownConnection) {
    if new.reference_id.is_some() && earlier.reference_id != new.reference_id {
        return;
    }
    new.connection_id = earlier.connection_id;
    new.reference_id.clone_from(&earlier.reference_id);
    new.scopes = new.scopes.take().or_else(|| earlier.scopes.clone());
    new.connected_at = new.connected_at.or(earlier.connected_at);
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use terra_auth_types::{ConnectionId, UserId, wire::TerraUser};
    use uuid::Uuid;

    use super::{Change, ConnectionUpdate, KnownConnection, inherit};
    use terra_auth_model::known_connection::ConnectionState::{Active, Deauthenticated, Failing, Revoked};

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    fn user(scopes: Option<&str>, reference_id: Option<&str>) -> TerraUser {
        TerraUser {
            user_id: UserId(Uuid::from_u128(1)),
            provider: "FITBIT".parse().unwrap(),
            created_at: None,
            last_webhook_update: None,
            scopes: scopes.map(str::to_owned),
            reference_id: reference_id.map(str::to_owned),
            active: None,
        }
    }

    fn news(change: Change, ms: i64) -> ConnectionUpdate {
        ConnectionUpdate::new(ConnectionId(Uuid::nil()), &user(None, None), change, at(ms))
    }

    fn known(change: Change) -> KnownConnection {
        ConnectionUpdate::new(ConnectionId(Uuid::from_u128(9)), &user(Some("a, b"), Some("alice")), change, at(5))
            .as_new_connection()
    }

    fn permissions(added: &str, removed: &str) -> Change {
        Change::Permissions { added: added.to_owned(), removed: removed.to_owned() }
    }

    #[test]
    fn each_change_sets_its_state_and_leaves_the_other_fields() {
        for (change, state) in [
            (Change::Connected, Active),
            (Change::Failing, Failing),
            (Change::Revoked, Revoked),
            (Change::Deauthenticated, Deauthenticated),
        ] {
            let after = news(change, 6).apply_to(&known(Change::Connected)).unwrap();
            assert_eq!(after, KnownConnection { state, changed_at: at(6), ..known(Change::Connected) });
        }
    }

    #[test]
    fn older_updates_change_nothing_and_equally_old_ones_apply() {
        let connection = known(Change::Connected);
        assert_eq!(news(Change::Failing, 4).apply_to(&connection), None);
        assert_eq!(news(Change::Failing, 5).apply_to(&connection).unwrap().state, Failing);
        assert_eq!(news(Change::Connected, 5).apply_to(&connection), None, "the same update again");
    }

    #[test]
    fn a_deauthenticated_connection_becomes_active_only_by_a_newer_login_or_listing() {
        let over = known(Change::Deauthenticated);
        for change in [Change::Failing, Change::Revoked, permissions("c", "")] {
            assert_eq!(news(change, 9).apply_to(&over), None);
        }
        for change in [Change::Connected, Change::Seen { active: true }] {
            assert_eq!(news(change.clone(), 5).apply_to(&over), None);
            assert_eq!(news(change, 6).apply_to(&over).unwrap().state, Active);
        }
        assert_eq!(news(Change::Deauthenticated, 6).apply_to(&over).unwrap().changed_at, at(6));
    }

    #[test]
    fn a_listed_connection_can_still_be_failing() {
        for (change, active, state) in [
            (Change::Failing, true, Failing),
            (Change::Revoked, true, Revoked),
            (Change::Revoked, false, Revoked),
            (Change::Connected, false, Failing),
            (Change::Deauthenticated, false, Failing),
        ] {
            let before = known(change);
            let after = news(Change::Seen { active }, 9).apply_to(&before).unwrap_or_else(|| before.clone());
            assert_eq!(after.state, state);
            assert_eq!(after.changed_at, if before.state == state { at(5) } else { at(9) });
        }
    }

    #[test]
    fn permissions_are_added_and_removed() {
        for (added, removed, scopes) in
            [("c", "", "a,b,c"), ("", "a", "b"), ("c, d", "a,b", "c,d"), ("b", "", "a,b"), ("", "x", "a,b")]
        {
            let news = news(permissions(added, removed), 6);
            assert_eq!(news.apply_to(&known(Change::Failing)).unwrap().scopes.as_deref(), Some(scopes));
        }
        assert_eq!(news(permissions("c", "a"), 6).as_new_connection().scopes.as_deref(), Some("c"));
        let told =
            ConnectionUpdate::new(ConnectionId(Uuid::nil()), &user(Some("b,c"), None), permissions("c", "a"), at(6));
        assert_eq!(told.apply_to(&known(Change::Connected)).unwrap().scopes.as_deref(), Some("b,c"));
    }

    #[test]
    fn a_connection_is_continued_only_for_the_same_end_user() {
        let earlier = known(Change::Connected);
        for (reference_id, same) in [(Some("alice"), true), (None, true), (Some("bob"), false)] {
            let user = user(None, reference_id);
            let mut new =
                ConnectionUpdate::new(ConnectionId(Uuid::nil()), &user, Change::Connected, at(6)).as_new_connection();
            inherit(&mut new, &earlier);
            assert_eq!(new.connection_id == earlier.connection_id, same);
            assert_eq!(new.reference_id == earlier.reference_id, same);
            assert_eq!(new.scopes == earlier.scopes, same);
        }
    }

    #[test]
    fn an_invalid_reference_id_is_ignored() {
        let told =
            ConnectionUpdate::new(ConnectionId(Uuid::nil()), &user(Some("a\0,b"), Some("")), Change::Connected, at(6))
                .as_new_connection();
        assert_eq!((told.reference_id, told.scopes.as_deref()), (None, Some("a,b")));
    }
}
