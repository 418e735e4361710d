use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::ReferenceId;

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

fn reference(text: &str) -> ReferenceId {
    text.parse().unwrap()
}

async fn added(store: &Store, connections: &[&Connection]) {
    for connection in connections {
        store.add_connection(connection).await.unwrap();
    }
}

/// Covers connections with all optional fields, and with none.
pub async fn a_connection_is_read_as_it_was_added(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let full = Connection {
        reference_id: Some(reference("ユーザー 1")),
        scopes: Some("ACTIVITY,SLEEP".to_owned()),
        last_webhook_update: Some(Fixtures::at(7)),
        ..rows.connection(&developer)
    };
    let bare = Connection { active: false, grant: None, ..rows.connection(&developer) };
    for connection in [full, bare] {
        store.add_connection(&connection).await.unwrap();
        let found = store.connection(&developer.dev_id, &connection.user_id).await.unwrap();
        assert_eq!(found, Some(connection));
    }
    assert_eq!(store.connection(&developer.dev_id, &rows.user_id()).await.unwrap(), None);
}

/// The removal returns the row, and a second removal returns none.
pub async fn a_connection_is_taken_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (connection, other) = (rows.connection(&developer), rows.connection(&developer));
    added(&store, &[&connection, &other]).await;
    let (dev_id, user_id) = (&developer.dev_id, &connection.user_id);
    assert_eq!(store.take_connection(dev_id, user_id).await.unwrap(), Some(connection.clone()));
    assert_eq!(store.take_connection(dev_id, user_id).await.unwrap(), None);
    assert_eq!(store.connection(dev_id, user_id).await.unwrap(), None);
    assert_eq!(store.connection(dev_id, &other.user_id).await.unwrap(), Some(other));
}

/// Twenty concurrent additions do not exceed the limit either.
pub async fn two_who_take_a_connection_do_not_both_receive_it(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    for _ in 0..10 {
        let connection = rows.connection(&developer);
        store.add_connection(&connection).await.unwrap();
        let taken = at_once(20, |_| {
            let (store, connection) = (store.clone(), connection.clone());
            async move { store.take_connection(&connection.dev_id, &connection.user_id).await.unwrap() }
        });
        assert_eq!(taken.await.into_iter().flatten().collect::<Vec<_>>(), [connection]);
    }
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 0);
}

/// The id, creation time, reference id and last event do not change. A removed connection is not created again.
pub async fn a_connection_is_renewed_in_place(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let old = Connection {
        active: false,
        reference_id: Some(reference("alice")),
        last_webhook_update: Some(Fixtures::at(7)),
        ..rows.connection(&developer)
    };
    added(&store, &[&old]).await;
    let login = Connection {
        user_id: old.user_id,
        account: "account-2".to_owned(),
        scopes: Some("SLEEP".to_owned()),
        created_at: Fixtures::at(9),
        ..rows.connection(&developer)
    };
    assert!(store.renew_connection(&login, &Fixtures::at(9)).await.unwrap());
    let renewed = Connection { active: true, account: login.account, scopes: login.scopes, grant: login.grant, ..old };
    let found = store.connection(&renewed.dev_id, &renewed.user_id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&renewed));
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 1);
    store.take_connection(&renewed.dev_id, &renewed.user_id).await.unwrap();
    assert!(!store.renew_connection(&renewed, &Fixtures::at(9)).await.unwrap());
    assert_eq!(store.connection(&renewed.dev_id, &renewed.user_id).await.unwrap(), None);
}

/// An existing id is an error, and is not counted.
pub async fn a_connection_is_added_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let connection = rows.connection(&developer);
    store.add_connection(&connection).await.unwrap();
    let again = Connection { account: "other".to_owned(), ..connection.clone() };
    assert!(store.add_connection(&again).await.is_err());
    assert_eq!(store.connections(&developer.dev_id, &0, &10).await.unwrap(), [connection]);
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 1);
}

/// Another environment cannot read it, even with equal fields.
pub async fn no_environment_lists_the_connections_of_another(store: Store) {
    let rows = Fixtures::default();
    let (acme, other) = (developer(&store, "acme").await.dev_id, developer(&store, "other").await.dev_id);
    let alice = reference("alice");
    let connection =
        Connection { dev_id: acme.clone(), reference_id: Some(alice.clone()), ..rows.connection(&rows.developer("x")) };
    store.add_connection(&connection).await.unwrap();
    let (user_id, account) = (connection.user_id, connection.account.clone());
    assert_eq!(store.connection(&other, &user_id).await.unwrap(), None);
    assert_eq!(store.connections_of(&other, &alice, &10).await.unwrap(), []);
    let of_account = store.connections_of_account(&other, &connection.provider, &account, &connection.reference_id);
    assert_eq!(of_account.await.unwrap(), []);
    assert_eq!(store.connections(&other, &0, &10).await.unwrap(), []);
    assert_eq!(store.count_connections(&other).await.unwrap(), 0);
    store.touch_connection(&other, &user_id, &Fixtures::at(1)).await.unwrap();
    assert_eq!(store.take_connection(&other, &user_id).await.unwrap(), None);
    let elsewhere = Connection { dev_id: other, account: "other".to_owned(), ..connection.clone() };
    assert!(!store.renew_connection(&elsewhere, &Fixtures::at(1)).await.unwrap());
    assert_eq!(store.connection(&acme, &user_id).await.unwrap(), Some(connection));
}

/// Rows of the same time are sorted by id.
pub async fn the_connections_of_an_end_user_come_oldest_first_and_bounded(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let made = |ms, name| Connection {
        created_at: Fixtures::at(ms),
        reference_id: Some(reference(name)),
        ..rows.connection(&developer)
    };
    let (second, third, first) = (made(1, "alice"), made(1, "alice"), made(0, "alice"));
    let (of_bob, without_reference) = (made(0, "bob"), Connection { reference_id: None, ..made(0, "none") });
    added(&store, &[&third, &second, &first, &of_bob, &without_reference]).await;
    let (dev_id, alice) = (&developer.dev_id, reference("alice"));
    assert_eq!(store.connections_of(dev_id, &alice, &3).await.unwrap(), [first.clone(), second.clone(), third]);
    assert_eq!(store.connections_of(dev_id, &alice, &2).await.unwrap(), [first, second]);
    assert_eq!(store.connections_of(dev_id, &alice, &0).await.unwrap(), []);
    assert_eq!(store.connections_of(dev_id, &reference("Alice"), &3).await.unwrap(), []);
}

/// An absent reference id is a value, not a wildcard.
pub async fn the_connections_of_an_account_are_told_apart_by_provider_and_reference_id(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let base = || rows.connection(&developer);
    let of_alice = Connection { reference_id: Some(reference("alice")), ..base() };
    let without_reference = base();
    let elsewhere = Connection { provider: "GARMIN".parse().unwrap(), ..base() };
    let other_account = Connection { account: "account-2".to_owned(), ..base() };
    added(&store, &[&of_alice, &without_reference, &elsewhere, &other_account]).await;
    for (reference_id, expected) in
        [(Some(reference("alice")), vec![of_alice]), (None, vec![without_reference]), (Some(reference("bob")), vec![])]
    {
        let (provider, account) = ("FITBIT".parse().unwrap(), "account-1".to_owned());
        let found = store.connections_of_account(&developer.dev_id, &provider, &account, &reference_id).await.unwrap();
        assert_eq!(found, expected, "{reference_id:?}");
    }
}

/// Pages are sorted by id, without duplicates.
pub async fn connections_come_page_by_page(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let mut all: Vec<_> = (0..5).map(|_| rows.connection(&developer)).collect();
    added(&store, &all.iter().rev().collect::<Vec<_>>()).await;
    all.sort_by_key(|connection| connection.user_id);
    for (offset, limit, expected) in
        [(0, 2, &all[..2]), (2, 2, &all[2..4]), (4, 2, &all[4..]), (5, 2, &[]), (u64::MAX, u32::MAX, &[]), (0, 0, &[])]
    {
        assert_eq!(store.connections(&developer.dev_id, &offset, &limit).await.unwrap(), expected, "{offset} {limit}");
    }
}

/// The start can be the first row, any row, or a removed one.
pub async fn connections_come_after_one_another(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let mut all: Vec<_> = (0..4).map(|_| rows.connection(&developer)).collect();
    added(&store, &all.iter().rev().collect::<Vec<_>>()).await;
    all.sort_by_key(|connection| connection.user_id);
    let gone = all.remove(1);
    store.take_connection(&gone.dev_id, &gone.user_id).await.unwrap();
    for (after, limit, expected) in [
        (None, 2, &all[..2]),
        (Some(all[0].user_id), 9, &all[1..]),
        (Some(gone.user_id), 1, &all[1..2]),
        (Some(all[2].user_id), 9, &[]),
    ] {
        assert_eq!(store.connections_after(&developer.dev_id, &after, &limit).await.unwrap(), expected, "{after:?}");
    }
}

/// Single and concurrent changes are counted.
pub async fn connections_are_counted_as_they_come_and_go(store: Store) {
    let developer = developer(&store, "acme").await;
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 0);
    let rows = Fixtures::default();
    let all: Vec<_> = (0..40).map(|_| rows.connection(&developer)).collect();
    at_once(40, |n| {
        let (store, connection) = (store.clone(), all[n].clone());
        async move { store.add_connection(&connection).await.unwrap() }
    })
    .await;
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 40);
    at_once(39, |n| {
        let (store, connection) = (store.clone(), all[n].clone());
        async move { store.take_connection(&connection.dev_id, &connection.user_id).await.unwrap() }
    })
    .await;
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 1);
}

/// An update does not create a removed row again.
pub async fn a_touched_connection_remembers_when_and_a_gone_one_stays_gone(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let connection = rows.connection(&developer);
    let (dev_id, user_id) = (&developer.dev_id, &connection.user_id);
    store.add_connection(&connection).await.unwrap();
    store.touch_connection(dev_id, user_id, &Fixtures::at(5)).await.unwrap();
    let touched = Connection { last_webhook_update: Some(Fixtures::at(5)), ..connection.clone() };
    assert_eq!(store.take_connection(dev_id, user_id).await.unwrap(), Some(touched));
    store.touch_connection(dev_id, user_id, &Fixtures::at(6)).await.unwrap();
    assert_eq!(store.connection(dev_id, user_id).await.unwrap(), None);
}

const CAP: u64 = 5;

struct AddBelowCap(Connection);

#[async_trait]
impl Unit for AddBelowCap {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.lock_developer(&self.0.dev_id).await?;
        if tx.count_connections(&self.0.dev_id).await? >= CAP {
            return Ok(false);
        }
        tx.add_connection(&self.0).await?;
        Ok(true)
    }
}

/// The lock of the developer serializes counting and adding.
pub async fn a_cap_holds_against_many_at_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let added = at_once(30, |_| {
        let (store, unit) = (store.clone(), AddBelowCap(rows.connection(&developer)));
        async move { store.run(unit).await.unwrap() }
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count() as u64, CAP);
    assert_eq!(store.connections(&developer.dev_id, &0, &30).await.unwrap().len() as u64, CAP);
}
