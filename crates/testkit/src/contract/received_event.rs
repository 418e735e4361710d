use jiff::Timestamp;
use terra_auth_model::{
    delivery::AttemptOutcome,
    received_event::{EventFilter, ForwardCounts, ForwardState, NewEvent, ReceivedEvent},
    store::Store,
};
use terra_auth_types::EventId;

use super::at_once;
use crate::{Fixtures, StoreExt as _};

async fn waiting(store: &Store, dues_ms: &[i64]) -> Vec<ReceivedEvent> {
    let rows = Fixtures::default();
    let mut events = Vec::new();
    for ms in dues_ms {
        let mut new = rows.received_event(Fixtures::NOW);
        new.event.next_attempt_at = Fixtures::at(*ms);
        assert!(store.add_received_event(&new).await.unwrap());
        events.push(new.event);
    }
    events
}

async fn claim(store: &Store, now: Timestamp, limit: u32) -> Vec<EventId> {
    ids(&store.claim_forwards(&now, &Fixtures::at(1000), &limit).await.unwrap())
}

fn ids<'e>(events: impl IntoIterator<Item = &'e ReceivedEvent>) -> Vec<EventId> {
    events.into_iter().map(|event| event.event_id).collect()
}

async fn event(store: &Store, event: &ReceivedEvent) -> ReceivedEvent {
    store.received_event(&event.event_id).await.unwrap().unwrap()
}

async fn settle(store: &Store, claimed: &ReceivedEvent, outcome: AttemptOutcome) -> bool {
    let problem = (outcome != AttemptOutcome::Done).then(|| "the app answered 503".to_owned());
    store.settle_forward(claimed, &outcome, &problem).await.unwrap()
}

/// Covers any bytes, and events with all optional fields and with none.
pub async fn an_event_is_read_as_it_was_recorded(store: Store) {
    let rows = Fixtures::default();
    let NewEvent { event: plain, digest } = rows.received_event(Fixtures::NOW);
    let full = ReceivedEvent {
        reference: Some("größe".to_owned()),
        ordering: Some("2030-01-01T00:00:00Z".to_owned()),
        user_id: Some(rows.user_id()),
        body: vec![0, 0xff, b'{', 0xc3],
        state: ForwardState::Kept,
        attempts: 3,
        problem: Some("too late".to_owned()),
        ..rows.received_event(Fixtures::at(1)).event
    };
    let bare = ReceivedEvent { trace_id: None, body: Vec::new(), ..plain };
    for (event, digest) in [(&bare, digest), (&full, [9; 32])] {
        assert!(store.add_received_event(&NewEvent { event: event.clone(), digest }).await.unwrap());
        assert_eq!(store.received_event(&event.event_id).await.unwrap().as_ref(), Some(event));
    }
    assert_eq!(store.received_event(&EventId(rows.user_id().0)).await.unwrap(), None);
}

/// The trace id or the digest identifies it; without a trace id, only the digest.
pub async fn an_event_that_comes_again_is_recognised(store: Store) {
    let rows = Fixtures::default();
    let first = rows.received_event(Fixtures::NOW);
    assert!(store.add_received_event(&first).await.unwrap());
    let mut same_trace = rows.received_event(Fixtures::NOW);
    same_trace.event.trace_id.clone_from(&first.event.trace_id);
    let same_digest = NewEvent { digest: first.digest, ..rows.received_event(Fixtures::NOW) };
    for again in [same_trace, same_digest] {
        assert!(!store.add_received_event(&again).await.unwrap());
        assert_eq!(store.received_event(&again.event.event_id).await.unwrap(), None);
    }
    for _ in 0..2 {
        let mut untraced = rows.received_event(Fixtures::NOW);
        untraced.event.trace_id = None;
        assert!(store.add_received_event(&untraced).await.unwrap());
    }
}

/// It is claimed at the exact millisecond, with its exact bytes, and the attempt is counted.
pub async fn a_forward_is_claimed_when_it_is_due(store: Store) {
    let added = waiting(&store, &[10]).await.remove(0);
    assert_eq!(store.claim_forwards(&Fixtures::at(9), &Fixtures::at(50), &10).await.unwrap(), []);
    let claimed = ReceivedEvent { attempts: 1, next_attempt_at: Fixtures::at(50), ..added };
    assert_eq!(store.claim_forwards(&Fixtures::at(10), &Fixtures::at(50), &10).await.unwrap(), [claimed]);
    assert_eq!(claim(&store, Fixtures::at(49), 10).await, []);
    assert_eq!(store.claim_forwards(&Fixtures::at(50), &Fixtures::at(90), &10).await.unwrap()[0].attempts, 2);
}

/// No event starves.
pub async fn claims_of_forwards_take_the_longest_due_and_come_oldest_first(store: Store) {
    let added = waiting(&store, &[30, 10, 20, 10]).await;
    assert_eq!(claim(&store, Fixtures::at(30), 0).await, []);
    assert_eq!(claim(&store, Fixtures::at(30), 3).await, ids([&added[1], &added[2], &added[3]]));
    assert_eq!(claim(&store, Fixtures::at(30), 3).await, ids([&added[0]]));
}

/// Concurrent claims return each event exactly once.
pub async fn no_two_claims_hold_the_same_forward(store: Store) {
    let added = waiting(&store, &[0; 100]).await;
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

/// It is done, given up, or due again at the given instant, with the error.
pub async fn a_forward_ends_as_its_attempt_did(store: Store) {
    waiting(&store, &[0; 3]).await;
    let claimed = store.claim_forwards(&Fixtures::NOW, &Fixtures::at(1000), &3).await.unwrap();
    assert!(settle(&store, &claimed[0], AttemptOutcome::Done).await);
    assert!(settle(&store, &claimed[1], AttemptOutcome::GaveUp).await);
    assert!(settle(&store, &claimed[2], AttemptOutcome::RetryAt(Fixtures::at(30))).await);
    let problem = Some("the app answered 503".to_owned());
    let done = ReceivedEvent { state: ForwardState::Done, ..claimed[0].clone() };
    let dead = ReceivedEvent { state: ForwardState::Dead, problem: problem.clone(), ..claimed[1].clone() };
    let retried = ReceivedEvent { next_attempt_at: Fixtures::at(30), problem, ..claimed[2].clone() };
    for expected in [done, dead, retried] {
        assert_eq!(event(&store, &expected).await, expected);
    }
    assert_eq!(claim(&store, Fixtures::at(29), 9).await, []);
    assert_eq!(claim(&store, Fixtures::at(2000), 9).await, ids([&claimed[2]]));
}

/// Its lease was replaced by another one, or the event was replayed.
pub async fn an_attempt_that_no_longer_counts_settles_nothing(store: Store) {
    waiting(&store, &[0]).await;
    let claim = async |at| store.claim_forwards(&Fixtures::at(at), &Fixtures::at(at + 10), &1).await.unwrap().remove(0);
    let late = claim(0).await;
    let second = claim(10).await;
    assert!(!settle(&store, &late, AttemptOutcome::Done).await);
    assert_eq!(event(&store, &late).await, second);
    store.replay(&late.event_id, &Fixtures::at(11)).await.unwrap();
    let replayed = claim(11).await;
    assert_eq!(replayed.attempts, late.attempts);
    assert!(!settle(&store, &late, AttemptOutcome::GaveUp).await);
    assert!(settle(&store, &replayed, AttemptOutcome::Done).await);
    assert!(!settle(&store, &replayed, AttemptOutcome::Done).await);
}

/// The end of a lease counts as due.
pub async fn the_next_forward_is_known_and_what_is_left_is_counted(store: Store) {
    assert_eq!(store.next_forward_at().await.unwrap(), None);
    assert_eq!(store.forward_counts().await.unwrap(), ForwardCounts::default());
    waiting(&store, &[20, 10]).await;
    assert_eq!(store.next_forward_at().await.unwrap(), Some(Fixtures::at(10)));
    let claimed = store.claim_forwards(&Fixtures::at(10), &Fixtures::at(1000), &1).await.unwrap();
    assert_eq!(store.next_forward_at().await.unwrap(), Some(Fixtures::at(20)));
    assert_eq!(store.forward_counts().await.unwrap(), ForwardCounts { waiting: 2, dead: 0 });
    settle(&store, &claimed[0], AttemptOutcome::GaveUp).await;
    assert_eq!(store.forward_counts().await.unwrap(), ForwardCounts { waiting: 1, dead: 1 });
}

/// The state does not matter, and earlier attempts are reset.
pub async fn a_replayed_event_is_due_again(store: Store) {
    let rows = Fixtures::default();
    for state in [ForwardState::Waiting, ForwardState::Done, ForwardState::Dead, ForwardState::Kept] {
        let mut new = rows.received_event(Fixtures::NOW);
        new.event = ReceivedEvent { state, attempts: 9, problem: Some("no".to_owned()), ..new.event };
        store.add_received_event(&new).await.unwrap();
        assert!(store.replay(&new.event.event_id, &Fixtures::at(5)).await.unwrap());
        let due = ReceivedEvent { state: ForwardState::Waiting, attempts: 0, problem: None, ..new.event };
        assert_eq!(event(&store, &due).await, ReceivedEvent { next_attempt_at: Fixtures::at(5), ..due });
    }
    assert!(!store.replay(&EventId(rows.user_id().0), &Fixtures::NOW).await.unwrap());
}

/// Other events do not change.
pub async fn the_oldest_dead_events_are_replayed(store: Store) {
    waiting(&store, &[0; 4]).await;
    let claimed = store.claim_forwards(&Fixtures::NOW, &Fixtures::at(1000), &4).await.unwrap();
    for (event, outcome) in
        claimed.iter().zip([AttemptOutcome::Done].into_iter().chain([const { AttemptOutcome::GaveUp }; 3]))
    {
        settle(&store, event, outcome).await;
    }
    assert_eq!(store.replay_dead(&Fixtures::at(5), &2).await.unwrap(), 2);
    assert_eq!(claim(&store, Fixtures::at(5), 9).await, ids(&claimed[1..3]));
    assert_eq!(store.replay_dead(&Fixtures::at(5), &2).await.unwrap(), 1);
    assert_eq!(store.replay_dead(&Fixtures::at(5), &2).await.unwrap(), 0);
}

/// Pages contain matching events only.
pub async fn the_newest_events_come_first(store: Store) {
    let rows = Fixtures::default();
    let user_id = rows.user_id();
    let mut added = Vec::new();
    for n in 0..6 {
        let mut new = rows.received_event(Fixtures::at(n));
        new.event = ReceivedEvent {
            kind: if n % 2 == 0 { "sleep" } else { "daily" }.to_owned(),
            state: if n < 2 { ForwardState::Dead } else { ForwardState::Waiting },
            user_id: (n % 3 == 0).then_some(user_id),
            ..new.event
        };
        store.add_received_event(&new).await.unwrap();
        added.push(new.event);
    }
    let all = EventFilter { limit: 9, ..EventFilter::default() };
    for (filter, expected) in [
        (all.clone(), vec![5, 4, 3, 2, 1, 0]),
        (EventFilter { limit: 2, ..all.clone() }, vec![5, 4]),
        (EventFilter { before: Some(added[4].event_id), limit: 2, ..all.clone() }, vec![3, 2]),
        (EventFilter { kind: Some("sleep".to_owned()), ..all.clone() }, vec![4, 2, 0]),
        (EventFilter { user_id: Some(user_id), ..all.clone() }, vec![3, 0]),
        (EventFilter { state: Some(ForwardState::Dead), ..all.clone() }, vec![1, 0]),
        (EventFilter { state: Some(ForwardState::Waiting), kind: Some("daily".to_owned()), ..all.clone() }, vec![5, 3]),
        (EventFilter { state: Some(ForwardState::Dead), before: Some(added[1].event_id), ..all }, vec![0]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|n: usize| added[n].clone()).collect();
        assert_eq!(store.received_events(&filter).await.unwrap(), expected, "{filter:?}");
    }
}
