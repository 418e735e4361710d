use terra_auth_model::{
    delivery::{AttemptOutcome, AttemptReport, AttemptTiming, Delivery, DeliveryAttempt, DeliveryFilter},
    destination::Destination,
    event::EventRecord,
    store::Store,
};
use terra_auth_types::{DestinationId, EventId, UserId, wire::admin::DeliveryState};
use uuid::Uuid;

use super::developer;
use crate::{Fixtures, StoreExt as _};

fn destination(rows: &Fixtures, dev_id: &str, ms: i64) -> Destination {
    let url = "https://acme.example/hook?a=b".parse().unwrap();
    Destination::new(DestinationId(rows.uuid()), &Fixtures::dev_id(dev_id), url, Fixtures::at(ms))
}

/// Covers destinations with all optional fields, and with none.
pub async fn a_destination_is_read_as_it_was_written(store: Store) {
    let rows = Fixtures::default();
    developer(&store, "acme").await;
    let bare = destination(&rows, "acme", 1);
    store.add_destination(&bare).await.unwrap();
    assert_eq!(store.destination(&bare.destination_id).await.unwrap(), Some(bare.clone()));
    let full = Destination {
        url: "https://acme.example/other".parse().unwrap(),
        event_types: Some(vec!["auth".to_owned(), "deauth".to_owned()]),
        description: Some("Größe".to_owned()),
        enabled: false,
        ..bare
    };
    assert!(store.update_destination(&full).await.unwrap());
    assert_eq!(store.destination(&full.destination_id).await.unwrap(), Some(full.clone()));
    assert!(store.remove_destination(&full.destination_id).await.unwrap());
    assert!(!store.remove_destination(&full.destination_id).await.unwrap());
    assert!(!store.update_destination(&full).await.unwrap());
    assert_eq!(store.destination(&full.destination_id).await.unwrap(), None);
}

/// The developer has the URL of the oldest one.
pub async fn the_destinations_of_a_developer_come_oldest_first(store: Store) {
    let rows = Fixtures::default();
    let acme = developer(&store, "acme").await;
    developer(&store, "other").await;
    let (newer, older) = (destination(&rows, "acme", 2), destination(&rows, "acme", 1));
    let older = Destination { url: "https://acme.example/first".parse().unwrap(), ..older };
    for added in [&newer, &older, &destination(&rows, "other", 0)] {
        store.add_destination(added).await.unwrap();
    }
    assert_eq!(store.destinations_of(&acme.dev_id).await.unwrap(), [older.clone(), newer]);
    let read = store.developer(&acme.dev_id).await.unwrap().unwrap();
    assert_eq!(read.destination, Some(older.url));
}

/// The event itself remains.
pub async fn a_destination_is_removed_with_its_deliveries(store: Store) {
    let rows = Fixtures::default();
    let acme = developer(&store, "acme").await;
    let delivery = rows.delivery(&acme);
    store.add_delivery(&delivery).await.unwrap();
    assert!(store.remove_destination(&delivery.destination_id).await.unwrap());
    assert_eq!(store.deliveries(&acme.dev_id, &9).await.unwrap(), []);
    assert_eq!(store.event(&acme.dev_id, &delivery.event_id).await.unwrap().unwrap().payload, delivery.payload);
}

/// A second record of the same attempt changes nothing.
pub async fn the_attempts_of_a_delivery_are_read_oldest_first(store: Store) {
    let rows = Fixtures::default();
    let acme = developer(&store, "acme").await;
    let delivery = rows.delivery(&acme);
    store.add_delivery(&delivery).await.unwrap();
    let timing =
        AttemptTiming { dns_ms: Some(1), connect_ms: Some(2), tls_ms: None, first_byte_ms: Some(3), total_ms: 9 };
    let attempt = |number, ms, report| DeliveryAttempt {
        event_id: delivery.event_id,
        destination_id: delivery.destination_id,
        number,
        attempted_at: Fixtures::at(ms),
        report,
    };
    let failed = AttemptReport { status: None, error: Some("no response".to_owned()), response: None, timing };
    let delivered = AttemptReport { status: Some(200), error: None, response: Some("größe".to_owned()), timing };
    let (first, second) = (attempt(1, 5, failed), attempt(2, 6, delivered.clone()));
    for added in [&second, &first, &attempt(1, 5, delivered)] {
        store.add_delivery_attempt(added).await.unwrap();
    }
    assert_eq!(store.delivery_attempts(&delivery.event_id).await.unwrap(), [first, second]);
    store.record_delivery_attempt(&delivery, &AttemptOutcome::Done).await.unwrap();
    assert_eq!(store.waiting_deliveries().await.unwrap(), 0);
}

/// Each filter is used with and without the others, because PostgreSQL infers the types of absent ones.
pub async fn deliveries_are_listed_by_each_filter(store: Store) {
    let rows = Fixtures::default();
    let acme = developer(&store, "acme").await;
    let (one, two) = (destination(&rows, "acme", 1), destination(&rows, "acme", 2));
    store.add_destination(&one).await.unwrap();
    store.add_destination(&two).await.unwrap();
    let (alice, bob) = (UserId(rows.uuid()), UserId(rows.uuid()));
    let mut ids = Vec::new();
    for (to, kind, user_id, reference_id) in
        [(&one, "auth", alice, "alice"), (&two, "deauth", alice, "alice"), (&one, "auth", bob, "bob")]
    {
        let delivery = Delivery { kind: kind.to_owned(), destination_id: to.destination_id, ..rows.delivery(&acme) };
        let Delivery { event_id, dev_id, kind, payload, created_at, .. } = delivery.clone();
        let (user_id, reference_id) = (Some(user_id), Some(reference_id.parse().unwrap()));
        let event = EventRecord { event_id, dev_id, kind, payload, user_id, reference_id, created_at };
        store.add_event(&event).await.unwrap();
        store.replay_delivery(&delivery).await.unwrap();
        ids.push(delivery);
    }
    store.record_delivery_attempt(&ids[2], &AttemptOutcome::GaveUp).await.unwrap();
    ids.sort_by_key(|delivery| delivery.event_id);
    let all = DeliveryFilter {
        dev_id: acme.dev_id.clone(),
        first: EventId(Uuid::nil()),
        before: (EventId(Uuid::max()), DestinationId(Uuid::nil())),
        destination_id: None,
        kind: None,
        state: None,
        user_id: None,
        reference_id: None,
        limit: 9,
    };
    let reference = |name: &str| Some(name.parse().unwrap());
    for (filter, users) in [
        (all.clone(), 3),
        (DeliveryFilter { destination_id: Some(one.destination_id), ..all.clone() }, 2),
        (DeliveryFilter { kind: Some("deauth".to_owned()), ..all.clone() }, 1),
        (DeliveryFilter { state: Some(DeliveryState::Failed), ..all.clone() }, 1),
        (DeliveryFilter { state: Some(DeliveryState::Waiting), ..all.clone() }, 2),
        (DeliveryFilter { user_id: Some(alice), ..all.clone() }, 2),
        (DeliveryFilter { reference_id: reference("bob"), ..all.clone() }, 1),
        (DeliveryFilter { user_id: Some(alice), reference_id: reference("bob"), ..all.clone() }, 0),
        (DeliveryFilter { user_id: Some(alice), kind: Some("auth".to_owned()), ..all.clone() }, 1),
        (DeliveryFilter { before: (ids[2].event_id, DestinationId(Uuid::nil())), ..all.clone() }, 2),
        (DeliveryFilter { first: ids[1].event_id, ..all.clone() }, 2),
        (DeliveryFilter { limit: 1, ..all.clone() }, 1),
    ] {
        let listed = store.list_deliveries(&filter).await.unwrap();
        assert_eq!(listed.len(), users, "{filter:?}");
        assert!(listed.is_sorted_by(|a, b| a.event_id > b.event_id), "{filter:?}");
    }
}

/// Its deliveries continue when it is enabled.
pub async fn a_disabled_destination_has_no_queue(store: Store) {
    let rows = Fixtures::default();
    let delivery = rows.delivery(&developer(&store, "acme").await);
    store.add_delivery(&delivery).await.unwrap();
    let enabled = store.destination(&delivery.destination_id).await.unwrap().unwrap();
    store.update_destination(&Destination { enabled: false, ..enabled.clone() }).await.unwrap();
    assert_eq!(store.delivery_queues().await.unwrap(), []);
    store.update_destination(&enabled).await.unwrap();
    assert_eq!(store.delivery_queues().await.unwrap(), [(enabled.destination_id, Fixtures::NOW)]);
}
