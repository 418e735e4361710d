use terra_auth_model::{event::EventRecord, store::Store};
use terra_auth_types::{EventId, UserId};

use super::developer;
use crate::{Fixtures, StoreExt as _};

/// Pages contain events of the environment only.
pub async fn events_are_read_in_the_order_of_their_ids(store: Store) {
    let rows = Fixtures::default();
    let (acme, other) = (developer(&store, "acme").await, developer(&store, "other").await);
    let mut events = Vec::new();
    for (n, of) in [&acme, &acme, &other, &acme].into_iter().enumerate() {
        let event = EventRecord {
            event_id: EventId(rows.uuid()),
            dev_id: of.dev_id.clone(),
            kind: "auth".to_owned(),
            payload: r#"{"type": "auth", "größe": 1}"#.to_owned(),
            user_id: (n > 0).then(|| UserId(rows.uuid())),
            reference_id: (n > 1).then(|| "user_1".parse().unwrap()),
            created_at: Fixtures::NOW,
        };
        store.add_event(&event).await.unwrap();
        events.push(event);
    }
    let other_event = events.remove(2);
    events.sort_by_key(|event| event.event_id);
    assert_eq!(store.events_after(&acme.dev_id, &None, &9).await.unwrap(), events);
    let after = Some(events[0].event_id);
    assert_eq!(store.events_after(&acme.dev_id, &after, &1).await.unwrap(), events[1..2]);
    assert_eq!(store.event(&acme.dev_id, &events[0].event_id).await.unwrap(), Some(events[0].clone()));
    assert_eq!(store.event(&acme.dev_id, &other_event.event_id).await.unwrap(), None);
}
