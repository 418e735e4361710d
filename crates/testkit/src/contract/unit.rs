use std::time::Duration;

use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    developer::Developer,
    mobile_token::TokenId,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::DevId;

use super::{EmptyStore, at_once, developer};
use crate::{Fixtures, StoreExt as _};

/// A unit that changes two tables, and then ends as specified.
struct Spend {
    token_id: TokenId,
    connection: Connection,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Succeed,
    Refuse,
    Panic,
    IgnoreAnError,
}

#[derive(Debug, thiserror::Error)]
enum UnitError {
    #[error("refused")]
    Refused,
    #[error("the store failed")]
    Store(#[from] StoreError),
}

#[async_trait]
impl Unit for Spend {
    type Done = ();
    type Error = UnitError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), UnitError> {
        tx.consume_token(self.token_id, Fixtures::at(1)).await?;
        tx.add_connection(&self.connection).await?;
        match self.then {
            Then::Succeed => Ok(()),
            Then::Refuse => Err(UnitError::Refused),
            Then::Panic => panic!("a unit panics, as its test wants"),
            Then::IgnoreAnError => {
                assert!(tx.add_connection(&self.connection).await.is_err());
                Ok(())
            }
        }
    }
}

/// Runs failing units among others. Returns the results of the failing ones.
async fn among_others(store: &Store, then: Then) -> Vec<UnitError> {
    let (rows, developer) = (Fixtures::default(), developer(store, "acme").await);
    let mut token_ids = Vec::new();
    let outcomes = at_once(40, |n| {
        let (token_id, connection) = (rows.token_id(), rows.connection(&developer));
        token_ids.push(token_id);
        let then = if n % 4 == 1 { then } else { Then::Succeed };
        let (store, unit) = (store.clone(), Spend { token_id, connection, then });
        async move { store.run(unit).await }
    });
    let outcomes = outcomes.await;
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 30);
    assert_eq!(store.connections(&developer.dev_id, &0, &100).await.unwrap().len(), 30);
    for (token_id, outcome) in token_ids.iter().zip(&outcomes) {
        assert_eq!(store.spend_token(token_id, &Fixtures::at(1)).await.unwrap(), outcome.is_err());
    }
    outcomes.into_iter().filter_map(Result::err).collect()
}

/// Other units are not affected.
pub async fn a_refusal_rolls_back_everything(store: Store) {
    let refusals = among_others(&store, Then::Refuse).await;
    assert!(refusals.iter().all(|refusal| matches!(refusal, UnitError::Refused)), "{refusals:?}");
    assert_eq!(refusals.len(), 10);
}

/// The caller gets an error.
pub async fn a_panic_rolls_back_and_affects_no_other_caller(store: Store) {
    let refusals = among_others(&store, Then::Panic).await;
    assert!(refusals.iter().all(|refusal| matches!(refusal, UnitError::Store(StoreError::Engine(_)))), "{refusals:?}");
    assert_eq!(refusals.len(), 10);
}

/// This holds even if the unit returns success.
pub async fn a_failed_statement_fails_its_unit_and_no_other(store: Store) {
    let refusals = among_others(&store, Then::IgnoreAnError).await;
    assert!(refusals.iter().all(|refusal| matches!(refusal, UnitError::Store(StoreError::Engine(_)))), "{refusals:?}");
    assert_eq!(refusals.len(), 10);
}

/// It fails, and nothing is changed.
pub async fn a_unit_that_only_reads_cannot_write(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let unit = Spend { token_id: rows.token_id(), connection: rows.connection(&developer), then: Then::Succeed };
    let token_id = unit.token_id;
    let refusal = store.read(unit).await.unwrap_err();
    assert!(matches!(refusal, UnitError::Store(StoreError::Engine(_))), "{refusal:?}");
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 0);
    assert!(store.spend_token(&token_id, &Fixtures::at(1)).await.unwrap());
}

/// The unit is atomic, whenever the call is cancelled, and other units continue.
pub async fn a_caller_who_hangs_up_does_not_cut_a_unit(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let mut units = Vec::new();
    for n in 0..60 {
        let unit = Spend { token_id: rows.token_id(), connection: rows.connection(&developer), then: Then::Succeed };
        units.push((unit.token_id, unit.connection.user_id));
        let patience = Duration::from_micros(n * n);
        drop(tokio::time::timeout(patience, store.run(unit)).await);
    }
    let last = Spend { token_id: rows.token_id(), connection: rows.connection(&developer), then: Then::Succeed };
    store.run(last).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await; // cancelled calls finish too
    let mut done = 0;
    for (token_id, user_id) in units {
        let spent = !store.spend_token(&token_id, &Fixtures::at(1)).await.unwrap();
        let connected = store.connection(&developer.dev_id, &user_id).await.unwrap().is_some();
        assert_eq!(spent, connected);
        done += u64::from(spent);
    }
    assert!(done > 0, "all callers hung up before their unit began");
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), done + 1);
}

/// After the result, every later unit reads the change.
pub async fn units_see_what_was_committed_before(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    for _ in 0..10 {
        let found = at_once(20, |_| {
            let (store, connection) = (store.clone(), rows.connection(&developer));
            async move {
                store.add_connection(&connection).await.unwrap();
                store.connection(&connection.dev_id, &connection.user_id).await.unwrap().is_some()
            }
        });
        assert_eq!(found.await, [true; 20]);
    }
}

struct LockBoth {
    first: DevId,
    second: DevId,
    token_id: TokenId,
}

#[async_trait]
impl Unit for LockBoth {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.lock_developer(&self.first).await?;
        tx.lock_developer(&self.second).await?;
        tx.consume_token(self.token_id, Fixtures::at(1)).await
    }
}

/// The order does not matter: a conflicting unit runs again.
pub async fn two_units_that_hold_the_same_developers_both_end(store: Store) {
    let rows = Fixtures::default();
    let (acme, other) = (developer(&store, "acme").await.dev_id, developer(&store, "other").await.dev_id);
    let spent = at_once(10, |n| {
        let (first, second) = if n % 2 == 0 { (&acme, &other) } else { (&other, &acme) };
        let unit = LockBoth { first: first.clone(), second: second.clone(), token_id: rows.token_id() };
        let store = store.clone();
        async move { store.run(unit).await.unwrap() }
    });
    assert_eq!(spent.await, [true; 10]);
}

/// Acknowledged changes are there when the store is opened again.
pub async fn reopening_keeps_everything(place: impl EmptyStore) {
    let rows = Fixtures::default();
    let (developer, connection) = {
        let store = place.open().await;
        let developer = developer(&store, "acme").await;
        let connection = rows.connection(&developer);
        store.add_connection(&connection).await.unwrap();
        store.add_delivery(&rows.delivery(&developer)).await.unwrap();
        (developer, connection)
    };
    let store = place.open().await;
    let destination = store.destinations_of(&developer.dev_id).await.unwrap().remove(0);
    assert_eq!(store.developers().await.unwrap(), [Developer { destination: Some(destination.url), ..developer }]);
    assert_eq!(store.connections(&connection.dev_id, &0, &10).await.unwrap(), [connection]);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 1);
}
