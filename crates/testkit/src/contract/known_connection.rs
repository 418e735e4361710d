use jiff::Timestamp;
use terra_auth_model::{
    housekeeping::ReceivedRetention,
    known_connection::{ConnectionState, KnownConnection, LoginFailure},
    store::Store,
};
use terra_auth_types::ReferenceId;

use super::at_once;
use crate::{Fixtures, StoreExt as _};

fn reference_id(name: &str) -> ReferenceId {
    name.parse().unwrap()
}

async fn known(store: &Store, connection: KnownConnection) -> KnownConnection {
    assert!(store.add_known_connection(&connection).await.unwrap());
    connection
}

/// Covers connections with all optional fields, and with none.
pub async fn a_known_connection_is_read_as_it_was_added(store: Store) {
    let rows = Fixtures::default();
    let bare = KnownConnection { reference_id: None, ..rows.known_connection() };
    let full = KnownConnection {
        scopes: Some("activity, größe".to_owned()),
        state: ConnectionState::Failing,
        connected_at: Some(Fixtures::at(-5)),
        ..rows.known_connection()
    };
    for connection in [bare, full] {
        let connection = known(&store, connection).await;
        assert_eq!(store.hold_known_connection(&connection.user_id).await.unwrap(), Some(connection));
    }
    assert_eq!(store.hold_known_connection(&rows.user_id()).await.unwrap(), None);
}

/// The first one remains.
pub async fn of_many_who_add_a_known_connection_one_succeeds(store: Store) {
    let rows = Fixtures::default();
    let user_id = rows.user_id();
    let added = at_once(50, |_| {
        let (store, connection) = (store.clone(), KnownConnection { user_id, ..rows.known_connection() });
        async move { store.add_known_connection(&connection).await.unwrap().then_some(connection) }
    });
    let added: Vec<_> = added.await.into_iter().flatten().collect();
    assert_eq!(added.len(), 1);
    assert_eq!(store.known_connections(&None, &9).await.unwrap(), added);
}

/// All fields except the user id change.
pub async fn a_known_connection_is_changed(store: Store) {
    let rows = Fixtures::default();
    let (old, other) = (known(&store, rows.known_connection()).await, known(&store, rows.known_connection()).await);
    let new = KnownConnection {
        user_id: old.user_id,
        reference_id: Some(reference_id("bob")),
        provider: "GARMIN".parse().unwrap(),
        scopes: Some("sleep".to_owned()),
        state: ConnectionState::Revoked,
        connected_at: Some(Fixtures::at(7)),
        changed_at: Fixtures::at(8),
        ..rows.known_connection()
    };
    store.update_known_connection(&new).await.unwrap();
    assert_eq!(store.hold_known_connection(&old.user_id).await.unwrap(), Some(new));
    assert_eq!(store.hold_known_connection(&other.user_id).await.unwrap(), Some(other));
}

/// Connections of other callers, and ended ones, are not listed.
pub async fn a_caller_sees_its_own_connections_oldest_first_and_bounded(store: Store) {
    let rows = Fixtures::default();
    let in_state = |state| KnownConnection { state, ..rows.known_connection() };
    let first = known(&store, in_state(ConnectionState::Revoked)).await;
    let second = known(&store, in_state(ConnectionState::Failing)).await;
    let third = known(&store, in_state(ConnectionState::Active)).await;
    let over = known(&store, in_state(ConnectionState::Deauthenticated)).await;
    let bobs =
        known(&store, KnownConnection { reference_id: Some(reference_id("bob")), ..rows.known_connection() }).await;
    let without_reference = known(&store, KnownConnection { reference_id: None, ..rows.known_connection() }).await;
    let alice = reference_id("alice");
    assert_eq!(store.known_connections_of(&alice, &9).await.unwrap(), [first.clone(), second.clone(), third]);
    assert_eq!(store.known_connections_of(&alice, &1).await.unwrap(), [first]);
    for hidden in [over, bobs, without_reference] {
        assert_eq!(store.known_connection(&alice, &hidden.user_id).await.unwrap(), None);
    }
    assert_eq!(store.known_connection(&alice, &second.user_id).await.unwrap(), Some(second));
}

/// Connections in all states are listed once.
pub async fn known_connections_come_page_by_page(store: Store) {
    let rows = Fixtures::default();
    let mut added = Vec::new();
    for state in [ConnectionState::Active, ConnectionState::Deauthenticated, ConnectionState::Failing] {
        added.push(known(&store, KnownConnection { state, ..rows.known_connection() }).await);
    }
    added.sort_by_key(|connection| connection.user_id);
    assert_eq!(store.known_connections(&None, &2).await.unwrap(), added[..2]);
    assert_eq!(store.known_connections(&Some(added[1].user_id), &2).await.unwrap(), added[2..]);
    assert_eq!(store.known_connections(&Some(added[2].user_id), &2).await.unwrap(), []);
}

/// There is one per caller, and an older one does not replace it.
pub async fn the_latest_failed_login_is_remembered(store: Store) {
    let (alice, bob) = (reference_id("alice"), reference_id("bob"));
    let failed = |reason: Option<&str>, ms| LoginFailure { reason: reason.map(str::to_owned), at: Fixtures::at(ms) };
    assert_eq!(store.login_failure(&alice).await.unwrap(), None);
    for (failure, remembered) in [
        (failed(None, 5), failed(None, 5)),
        (failed(Some("access_denied"), 5), failed(Some("access_denied"), 5)),
        (failed(Some("too old"), 4), failed(Some("access_denied"), 5)),
        (failed(Some("expired"), 6), failed(Some("expired"), 6)),
    ] {
        store.put_login_failure(&alice, &failure).await.unwrap();
        assert_eq!(store.login_failure(&alice).await.unwrap(), Some(remembered));
    }
    assert_eq!(store.login_failure(&bob).await.unwrap(), None);
}

async fn forget(store: &Store, events_before: Timestamp, ended_before: Timestamp, limit: u32) -> u64 {
    store.forget_received(&ReceivedRetention { events_before, ended_before, limit }).await.unwrap()
}

/// The limit is exact, the oldest rows come first, and waiting or active rows remain at any age.
pub async fn what_was_received_and_is_over_is_forgotten_in_small_bites(store: Store) {
    use terra_auth_model::received_event::ForwardState::{Dead, Done, Kept, Waiting};

    let rows = Fixtures::default();
    let mut events = Vec::new();
    for (ms, state) in [(1, Done), (2, Waiting), (3, Kept), (4, Dead)] {
        let mut new = rows.received_event(Fixtures::at(ms));
        new.event.state = state;
        store.add_received_event(&new).await.unwrap();
        events.push(new.event.event_id);
        let state = if state == Waiting { ConnectionState::Revoked } else { ConnectionState::Deauthenticated };
        known(&store, KnownConnection { state, changed_at: Fixtures::at(ms), ..rows.known_connection() }).await;
        let failure = LoginFailure { reason: None, at: Fixtures::at(ms) };
        store.put_login_failure(&reference_id(&ms.to_string()), &failure).await.unwrap();
    }
    assert_eq!(forget(&store, Fixtures::NOW, Fixtures::NOW, 9).await, 0);
    assert_eq!(forget(&store, Fixtures::at(3), Fixtures::NOW, 1).await, 1);
    assert_eq!(store.received_event(&events[0]).await.unwrap(), None);
    assert_eq!(forget(&store, Fixtures::at(3), Fixtures::at(3), 9).await, 1 + 2 + 3);
    assert!(store.received_event(&events[1]).await.unwrap().is_some());
    assert!(store.received_event(&events[3]).await.unwrap().is_some());
    assert_eq!(store.known_connections(&None, &9).await.unwrap().len(), 2);
    assert!(store.login_failure(&reference_id("4")).await.unwrap().is_some());
    assert_eq!(forget(&store, Fixtures::at(9), Fixtures::at(9), 9).await, 3);
}
