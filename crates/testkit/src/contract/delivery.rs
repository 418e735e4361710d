use jiff::Timestamp;
use terra_auth_model::{
    delivery::{AttemptOutcome, Delivery},
    developer::Developer,
    store::Store,
};
use terra_auth_types::EventId;

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

async fn waiting(store: &Store, developer: &Developer, dues_ms: &[i64]) -> Vec<Delivery> {
    waiting_of(store, &Fixtures::default(), developer, dues_ms).await
}

async fn waiting_of(store: &Store, rows: &Fixtures, developer: &Developer, dues_ms: &[i64]) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for ms in dues_ms {
        let delivery = Delivery { next_attempt_at: Fixtures::at(*ms), ..rows.delivery(developer) };
        store.add_delivery(&delivery).await.unwrap();
        deliveries.push(delivery);
    }
    deliveries
}

async fn claim(store: &Store, now: Timestamp, limit: u32) -> Vec<EventId> {
    let acme = Fixtures::dev_id("acme");
    let claimed =
        store.claim_deliveries(&Fixtures::destination_id(&acme), &now, &Fixtures::at(1000), &limit).await.unwrap();
    claimed.into_iter().map(|delivery| delivery.event_id).collect()
}

fn ids<'d>(deliveries: impl IntoIterator<Item = &'d Delivery>) -> Vec<EventId> {
    deliveries.into_iter().map(|delivery| delivery.event_id).collect()
}

/// It is claimed at the exact millisecond, with its exact bytes, and the attempt is counted.
pub async fn a_delivery_is_claimed_when_it_is_due(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[10]).await.remove(0);
    assert_eq!(
        store
            .claim_deliveries(&Fixtures::destination_id(&developer.dev_id), &Fixtures::at(9), &Fixtures::at(50), &10)
            .await
            .unwrap(),
        []
    );
    let claimed = Delivery { attempts: 1, next_attempt_at: Fixtures::at(50), ..added };
    assert_eq!(
        store
            .claim_deliveries(&Fixtures::destination_id(&developer.dev_id), &Fixtures::at(10), &Fixtures::at(50), &10)
            .await
            .unwrap(),
        [claimed]
    );
}

/// No delivery starves.
pub async fn claims_take_the_longest_due_and_come_oldest_first(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[30, 10, 20, 10]).await;
    assert_eq!(claim(&store, Fixtures::at(30), 0).await, []);
    assert_eq!(claim(&store, Fixtures::at(30), 3).await, ids([&added[1], &added[2], &added[3]]));
    assert_eq!(claim(&store, Fixtures::at(30), 3).await, ids([&added[0]]));
}

/// After the lease, the attempt counts as failed.
pub async fn a_claimed_delivery_is_hidden_until_its_lease_ends(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0]).await;
    assert_eq!(claim(&store, Fixtures::NOW, 1).await, ids(&added));
    assert_eq!(claim(&store, Fixtures::at(999), 1).await, []);
    let again = store
        .claim_deliveries(&Fixtures::destination_id(&developer.dev_id), &Fixtures::at(1000), &Fixtures::at(2000), &1)
        .await
        .unwrap();
    assert_eq!(again[0].attempts, 2);
}

/// Concurrent claims return each delivery exactly once.
pub async fn no_two_claims_hold_the_same_delivery(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0; 100]).await;
    let claimed = at_once(40, |_| {
        let store = store.clone();
        async move { claim(&store, Fixtures::NOW, 7).await }
    });
    let mut claimed: Vec<_> = claimed.await.into_iter().flatten().collect();
    while claimed.len() < added.len() {
        let rest = claim(&store, Fixtures::NOW, 7).await; // a claim skips locked rows
        assert!(!rest.is_empty(), "only {} were claimed", claimed.len());
        claimed.extend(rest);
    }
    claimed.sort();
    assert_eq!(claimed, ids(&added));
}

/// It is not due earlier.
pub async fn a_failed_delivery_is_due_again_when_said(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0]).await;
    claim(&store, Fixtures::NOW, 1).await;
    store.record_delivery_attempt(&added[0], &AttemptOutcome::RetryAt(Fixtures::at(30))).await.unwrap();
    assert_eq!(claim(&store, Fixtures::at(29), 1).await, []);
    assert_eq!(claim(&store, Fixtures::at(30), 1).await, ids(&added));
}

/// This applies to delivered and failed ones, whatever is recorded afterwards.
pub async fn an_ended_delivery_is_never_due_and_never_changes(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0, 0]).await;
    for (delivery, outcome) in added.iter().zip([AttemptOutcome::Done, AttemptOutcome::GaveUp]) {
        store.record_delivery_attempt(delivery, &outcome).await.unwrap();
        store.record_delivery_attempt(delivery, &AttemptOutcome::RetryAt(Fixtures::NOW)).await.unwrap();
    }
    assert_eq!(claim(&store, Fixtures::at(1000), 10).await, []);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 0);
    assert_eq!(store.delivery_queues().await.unwrap(), []);
    assert_eq!(store.deliveries(&developer.dev_id, &10).await.unwrap().len(), 2);
}

/// The destination with the earliest due delivery comes first. The end of a lease counts as due.
pub async fn the_queues_of_deliveries_are_known(store: Store) {
    let (rows, acme, other) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    let idle = developer(&store, "idle").await;
    let of = |developer: &Developer| Fixtures::destination_id(&developer.dev_id);
    assert_eq!(store.delivery_queues().await.unwrap(), []);
    waiting_of(&store, &rows, &acme, &[20, 10]).await;
    waiting_of(&store, &rows, &other, &[5]).await;
    let ended = waiting_of(&store, &rows, &idle, &[0]).await;
    store.record_delivery_attempt(&ended[0], &AttemptOutcome::Done).await.unwrap();
    let queues = [(of(&other), Fixtures::at(5)), (of(&acme), Fixtures::at(10))];
    assert_eq!(store.delivery_queues().await.unwrap(), queues);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 3);
    claim(&store, Fixtures::at(20), 2).await;
    let queues = [(of(&other), Fixtures::at(5)), (of(&acme), Fixtures::at(1000))];
    assert_eq!(store.delivery_queues().await.unwrap(), queues);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 3);
}

/// Older deliveries of another environment are not claimed.
pub async fn a_claim_takes_the_deliveries_of_one_environment(store: Store) {
    let (rows, acme, other) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    waiting_of(&store, &rows, &other, &[0; 5]).await;
    let added = waiting_of(&store, &rows, &acme, &[10]).await;
    assert_eq!(claim(&store, Fixtures::at(10), 9).await, ids(&added));
}

/// Deliveries that wait for a retry keep their schedule.
pub async fn released_deliveries_are_those_that_were_leased(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0, 0, 0, 40]).await;
    claim(&store, Fixtures::NOW, 3).await;
    store.record_delivery_attempt(&added[0], &AttemptOutcome::RetryAt(Fixtures::at(30))).await.unwrap();
    store.record_delivery_attempt(&added[1], &AttemptOutcome::Done).await.unwrap();
    assert_eq!(store.release_deliveries(&Fixtures::at(5)).await.unwrap(), 1);
    assert_eq!(store.release_deliveries(&Fixtures::at(5)).await.unwrap(), 0);
    assert_eq!(claim(&store, Fixtures::at(5), 9).await, ids(&added[2..3]));
}

/// A fast clock had scheduled them, so they must not wait for that time.
pub async fn deliveries_that_were_attempted_in_the_future_are_due(store: Store) {
    let developer = developer(&store, "acme").await;
    let added = waiting(&store, &developer, &[0, 0, 70]).await;
    assert_eq!(claim(&store, Fixtures::at(10), 1).await, ids(&added[..1]));
    store.record_delivery_attempt(&added[0], &AttemptOutcome::RetryAt(Fixtures::at(40))).await.unwrap();
    assert_eq!(claim(&store, Fixtures::at(9000), 1).await, ids(&added[1..2]));
    store.record_delivery_attempt(&added[1], &AttemptOutcome::RetryAt(Fixtures::at(9030))).await.unwrap();
    assert_eq!(store.reschedule_deliveries(&Fixtures::at(20), &Fixtures::at(25)).await.unwrap(), 1);
    assert_eq!(claim(&store, Fixtures::at(20), 9).await, ids(&added[1..2]));
}

/// Only its own waiting deliveries count.
pub async fn the_waiting_deliveries_of_a_developer_are_counted(store: Store) {
    let (acme, other) = (developer(&store, "acme").await, developer(&store, "other").await);
    let added = waiting(&store, &acme, &[0, 10, 20]).await;
    store.record_delivery_attempt(&added[0], &AttemptOutcome::GaveUp).await.unwrap();
    claim(&store, Fixtures::at(10), 1).await;
    assert_eq!(store.waiting_deliveries_of(&acme.dev_id).await.unwrap(), 2);
    assert_eq!(store.waiting_deliveries_of(&other.dev_id).await.unwrap(), 0);
}

/// Deliveries of other environments are not listed.
pub async fn the_newest_deliveries_of_a_developer_come_first(store: Store) {
    let (rows, acme, other) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    let made = |ms| Delivery { created_at: Fixtures::at(ms), ..rows.delivery(&acme) };
    let (first, second, third) = (made(1), made(2), made(2));
    for delivery in [&second, &third, &first, &rows.delivery(&other)] {
        store.add_delivery(delivery).await.unwrap();
    }
    let newest = store.deliveries(&acme.dev_id, &2).await.unwrap();
    assert_eq!(newest, [third.clone(), second.clone()]);
    assert_eq!(store.deliveries(&acme.dev_id, &9).await.unwrap(), [third, second, first]);
}

/// The result of the first one does not matter. If it does not finish, the second one is due at its own instant.
pub async fn a_delivery_that_follows_another_is_due_when_that_has_ended(store: Store) {
    let (rows, acme) = (Fixtures::default(), developer(&store, "acme").await);
    for (outcome, n) in [(AttemptOutcome::Done, 0), (AttemptOutcome::GaveUp, 1)] {
        let first = waiting_of(&store, &rows, &acme, &[0]).await.remove(0);
        let second = Delivery { next_attempt_at: Fixtures::at(2000 + n), ..rows.delivery(&acme) };
        store.add_delivery_after(&second, &first.event_id).await.unwrap();
        assert_eq!(claim(&store, Fixtures::at(10), 9).await, ids([&first]));
        store.record_delivery_attempt(&first, &AttemptOutcome::RetryAt(Fixtures::at(20))).await.unwrap();
        assert_eq!(claim(&store, Fixtures::at(19), 9).await, [], "it waits for the next attempt too");
        assert_eq!(claim(&store, Fixtures::at(20), 9).await, ids([&first]));
        store.record_delivery_attempt(&first, &outcome).await.unwrap();
        assert_eq!(claim(&store, Fixtures::at(20), 9).await, ids([&second]));
        store.record_delivery_attempt(&second, &AttemptOutcome::Done).await.unwrap();
    }
    let second = Delivery { next_attempt_at: Fixtures::at(30), ..rows.delivery(&acme) };
    store.add_delivery_after(&second, &rows.delivery(&acme).event_id).await.unwrap();
    assert_eq!(claim(&store, Fixtures::at(29), 9).await, []);
    assert_eq!(claim(&store, Fixtures::at(30), 9).await, ids([&second]));
}
