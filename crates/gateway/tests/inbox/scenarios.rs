use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use terra_auth_gateway::inbox::{Inbox, Outcome, Received, ReconcileItem};
use terra_auth_model::{
    delivery::AttemptOutcome,
    known_connection::{ConnectionState, KnownConnection},
    received_event::{EventFilter, ForwardState},
    store::Store,
};
use terra_auth_testkit::{CountingEntropy, FixedClock, Fixtures, contract::at_once};
use terra_auth_types::{EventId, ReferenceId, UserId, wire::TerraUser};

/// An inbox, its clock, and what has a name in a test.
struct World {
    inbox: Inbox,
    clock: Arc<FixedClock>,
    rows: Fixtures,
}

impl World {
    fn new(store: Store) -> Self {
        let clock = Arc::new(FixedClock::default());
        let inbox = Inbox::new(store, clock.clone(), Arc::new(CountingEntropy::default()));
        Self { inbox, clock, rows: Fixtures::default() }
    }

    /// A webhook with a trace id and a digest of its own.
    fn webhook(&self, body: impl Into<Vec<u8>>) -> Received {
        let new = self.rows.received_event(Fixtures::NOW);
        Received {
            trace_id: new.event.trace_id,
            reference: Some("shared by many".to_owned()),
            digest: new.digest,
            ordering: None,
            body: body.into(),
            forward: true,
        }
    }

    /// Receives an event that happened some milliseconds after the start.
    async fn tell(&self, ms: i64, body: impl Into<Vec<u8>>) -> EventId {
        let received = Received { ordering: Some(Fixtures::at(ms).to_string()), ..self.webhook(body) };
        recorded(self.inbox.receive(received).await.unwrap().outcome)
    }

    async fn connections(&self, reference_id: &str) -> Vec<KnownConnection> {
        self.inbox.connections_of(&reference(reference_id)).await.unwrap()
    }

    /// The only connection of alice.
    async fn of_alice(&self) -> KnownConnection {
        let mut connections = self.connections("alice").await;
        assert_eq!(connections.len(), 1, "{connections:?}");
        connections.remove(0)
    }

    async fn kind_and_user(&self, event_id: EventId) -> (String, Option<UserId>) {
        let event = self.inbox.event(event_id).await.unwrap().unwrap();
        (event.kind, event.user_id)
    }
}

fn recorded(receipt: Outcome) -> EventId {
    match receipt {
        Outcome::Recorded(event_id) => event_id,
        Outcome::Duplicate => panic!("the event was taken for a duplicate"),
    }
}

fn reference(name: &str) -> ReferenceId {
    name.parse().unwrap()
}

fn user_id(n: u8) -> UserId {
    format!("00000000-0000-4000-8000-0000000000{n:02}").parse().unwrap()
}

/// A user of alice as the wire shows it.
fn user(n: u8) -> String {
    format!(r#"{{"user_id": "{}", "provider": "FITBIT", "reference_id": "alice", "scopes": "a,b"}}"#, user_id(n))
}

fn terra_user(n: u8) -> TerraUser {
    TerraUser {
        user_id: user_id(n),
        provider: "FITBIT".parse().unwrap(),
        created_at: Some(Fixtures::at(1) + SignedDuration::from_micros(123)), // the wire tells more than a store keeps
        last_webhook_update: None,
        scopes: Some("a,b".to_owned()),
        reference_id: Some("alice".to_owned()),
        active: Some(true),
    }
}

fn about(kind: &str, n: u8) -> String {
    format!(r#"{{"type": "{kind}", "status": "success", "user": {}}}"#, user(n))
}

fn reauth(old: u8, new: u8) -> String {
    format!(r#"{{"type": "user_reauth", "new_user": {}, "old_user": {}}}"#, user(new), user(old))
}

/// With its type, its user and all its bytes, due at once.
pub(crate) async fn a_webhook_is_recorded_and_forwarded(store: Store) {
    let world = World::new(store);
    let webhook = world.webhook(format!(r#"{{"type": "sleep", "user": {}, "data": [1, 2]}}"#, user(1)));
    let event_id = recorded(world.inbox.receive(webhook.clone()).await.unwrap().outcome);
    world.inbox.arrived().await;
    let claimed = world.inbox.claim_forwards(9).await.unwrap().remove(0);
    assert_eq!((claimed.event_id, claimed.kind.as_str(), claimed.user_id), (event_id, "sleep", Some(user_id(1))));
    assert_eq!(
        (claimed.trace_id, claimed.reference, claimed.body),
        (webhook.trace_id, webhook.reference, webhook.body)
    );
    assert_eq!((claimed.attempts, claimed.received_at), (1, Fixtures::NOW));
    assert_eq!(world.connections("alice").await, [], "data makes no connection");
}

/// It waits for nobody; but it can be forwarded once there is somebody.
pub(crate) async fn without_an_app_a_webhook_is_only_kept(store: Store) {
    let world = World::new(store);
    let webhook = Received { forward: false, ..world.webhook(about("auth", 1)) };
    let event_id = recorded(world.inbox.receive(webhook).await.unwrap().outcome);
    assert_eq!(world.inbox.event(event_id).await.unwrap().unwrap().state, ForwardState::Kept);
    assert_eq!(world.inbox.claim_forwards(9).await.unwrap(), []);
    assert_eq!(world.connections("alice").await.len(), 1);
    assert!(world.inbox.replay(event_id).await.unwrap());
    assert_eq!(world.inbox.claim_forwards(9).await.unwrap().len(), 1);
}

/// By whatever part it can be told apart; and it is applied once.
pub(crate) async fn of_a_hundred_same_webhooks_one_is_recorded(store: Store) {
    let world = World::new(store);
    let webhook = world.webhook(about("auth", 1));
    let receipts = at_once(100, |n| {
        let inbox = world.inbox.clone();
        let trace_id = if n % 2 == 0 { webhook.trace_id.clone() } else { Some(format!("forged {n}")) };
        let again = Received { trace_id, ..webhook.clone() };
        async move { inbox.receive(again).await.unwrap().outcome }
    });
    let recorded: Vec<_> = receipts.await.into_iter().filter(|receipt| *receipt != Outcome::Duplicate).collect();
    assert_eq!(recorded.len(), 1);
    let all = EventFilter { limit: 9, ..EventFilter::default() };
    assert_eq!(world.inbox.events(&all).await.unwrap().len(), 1);
    assert_eq!(world.connections("alice").await.len(), 1);
}

/// Byte for byte, under no type or its own, and applied to nothing.
pub(crate) async fn a_webhook_that_makes_no_sense_is_recorded(store: Store) {
    let world = World::new(store);
    let deep = "[".repeat(10_000);
    let long = format!(r#"{{"type": "{}"}}"#, "ä\\u0000".repeat(100));
    for (body, kind) in [
        (&b"not JSON"[..], ""),
        (b"\xff\xfe{}", ""),
        (b"", ""),
        (br#"["auth"]"#, ""),
        (br#"{"type": 7}"#, ""),
        (br#"{"user": null}"#, ""),
        (deep.as_bytes(), ""),
        (long.as_bytes(), &"ä".repeat(32)),
        (br#"{"type": "something_new", "user": "alice"}"#, "something_new"),
        (br#"{"type": "auth", "status": "success"}"#, "auth"),
        (br#"{"type": "deauth", "user": {"user_id": "42"}}"#, "deauth"),
        (br#"{"type": "auth_cancelled", "status": "error"}"#, "auth_cancelled"),
    ] {
        let event_id = recorded(world.inbox.receive(world.webhook(body)).await.unwrap().outcome);
        let event = world.inbox.event(event_id).await.unwrap().unwrap();
        assert_eq!((event.kind.as_str(), event.body.as_slice()), (kind, body));
    }
    assert_eq!(world.inbox.known_connections_page(None, 9).await.unwrap(), []);
}

/// And a later attempt comes after the lease.
pub(crate) async fn a_forward_is_settled_by_whoever_claimed_it_last(store: Store) {
    let world = World::new(store);
    world.tell(0, about("auth", 1)).await;
    let late = world.inbox.claim_forwards(9).await.unwrap().remove(0);
    let in_half_a_minute = Fixtures::NOW + SignedDuration::from_secs(30);
    assert_eq!(world.inbox.next_forward_at().await.unwrap(), Some(in_half_a_minute));
    world.clock.advance(SignedDuration::from_secs(30));
    let second = world.inbox.claim_forwards(9).await.unwrap().remove(0);
    assert!(!world.inbox.record_forward_attempt(&late, AttemptOutcome::Done, None).await.unwrap());
    let problem = Some(format!("HTTP\0 {}", "5".repeat(600)));
    assert!(world.inbox.record_forward_attempt(&second, AttemptOutcome::GaveUp, problem).await.unwrap());
    assert_eq!(world.inbox.counts().await.unwrap().dead, 1);
    let dead = world.inbox.event(second.event_id).await.unwrap().unwrap();
    assert_eq!(dead.problem, Some(format!("HTTP {}", "5".repeat(507))));
    assert_eq!(world.inbox.replay_dead(9).await.unwrap(), 1);
    assert_eq!(world.inbox.claim_forwards(9).await.unwrap()[0].attempts, 1);
}

/// From its login to its end, under one id of ours.
pub(crate) async fn a_connection_follows_its_events(store: Store) {
    let world = World::new(store);
    world.tell(1, about("auth", 1)).await;
    let connection = world.of_alice().await;
    assert_eq!((connection.user_id, connection.state), (user_id(1), ConnectionState::Active));
    assert_eq!((connection.scopes.as_deref(), connection.changed_at), (Some("a,b"), Fixtures::at(1)));
    for (ms, kind, state) in [
        (2, "connection_error", ConnectionState::Failing),
        (3, "permission_change", ConnectionState::Active),
        (4, "access_revoked", ConnectionState::Revoked),
        (5, "auth", ConnectionState::Active),
    ] {
        world.tell(ms, about(kind, 1)).await;
        let now = world.of_alice().await;
        assert_eq!(now, KnownConnection { state, changed_at: Fixtures::at(ms), ..connection.clone() });
    }
    world.tell(6, about("deauth", 1)).await;
    assert_eq!(world.connections("alice").await, []);
    assert_eq!(world.inbox.connection(&reference("alice"), user_id(1)).await.unwrap(), None);
}

/// Even one of which nothing was known.
pub(crate) async fn old_news_bring_no_connection_back(store: Store) {
    let world = World::new(store);
    world.tell(5, about("deauth", 1)).await;
    for kind in ["auth", "connection_error", "access_revoked", "permission_change"] {
        world.tell(4, about(kind, 1)).await;
        world.tell(5, about(kind, 1)).await;
    }
    world.tell(6, about("connection_error", 1)).await;
    assert_eq!(world.connections("alice").await, []);
    world.tell(6, about("auth", 1)).await;
    assert_eq!(world.of_alice().await.state, ConnectionState::Active);
}

/// Whether `auth` of the new id comes before, after, or not at all.
pub(crate) async fn a_connection_keeps_our_id_when_its_user_id_changes(store: Store) {
    let world = World::new(store);
    world.tell(1, about("auth", 1)).await;
    let first = world.of_alice().await;
    world.tell(3, reauth(1, 2)).await;
    world.tell(2, about("auth", 2)).await;
    world.tell(4, about("auth", 3)).await;
    assert_eq!(world.connections("alice").await.len(), 2);
    world.tell(5, reauth(2, 3)).await;
    let third = world.of_alice().await;
    assert_eq!((third.connection_id, third.user_id), (first.connection_id, user_id(3)));
    for (ms, body) in [(6, reauth(2, 3)), (1, about("auth", 1)), (9, about("connection_error", 2))] {
        world.tell(ms, body).await; // late, or told again
        let still = world.of_alice().await;
        assert_eq!((still.connection_id, still.user_id), (first.connection_id, user_id(3)));
    }
    world
        .tell(7, format!(r#"{{"type": "user_reauth", "new_user": {}, "old_user_id": "{}"}}"#, user(4), user_id(3)))
        .await;
    assert_eq!(world.of_alice().await.connection_id, first.connection_id);
}

/// A new connection, then.
pub(crate) async fn an_unknown_user_may_change_its_id(store: Store) {
    let world = World::new(store);
    world.tell(3, reauth(1, 2)).await;
    assert_eq!(world.of_alice().await.user_id, user_id(2));
    world.tell(1, about("auth", 1)).await;
    world.tell(2, about("auth", 2)).await;
    assert_eq!(world.of_alice().await.user_id, user_id(2));
}

/// Nor does it take over its id.
pub(crate) async fn a_connection_of_another_caller_is_not_seen(store: Store) {
    let world = World::new(store);
    world.tell(1, about("auth", 1)).await;
    let alices = world.of_alice().await;
    assert_eq!(world.inbox.connection(&reference("bob"), user_id(1)).await.unwrap(), None);
    world.tell(2, reauth(1, 2).replacen("alice", "bob", 1)).await;
    assert_eq!(world.connections("alice").await, []);
    let bobs = world.connections("bob").await;
    assert_eq!((bobs.len(), bobs[0].user_id), (1, user_id(2)));
    assert_ne!(bobs[0].connection_id, alices.connection_id);
}

/// In either spelling; no connection comes or goes by it.
pub(crate) async fn a_failed_login_is_told_to_its_caller(store: Store) {
    let world = World::new(store);
    world.tell(1, about("auth", 1)).await;
    let new = r#"{"type": "auth_cancelled", "status": "error", "reason": "access_denied", "reference_id": "alice"}"#;
    let old = format!(r#"{{"type": "auth", "status": "error", "reason": "expired", "user": {}}}"#, user(1));
    world.tell(2, new).await;
    let failure = world.inbox.login_failure(&reference("alice")).await.unwrap().unwrap();
    assert_eq!((failure.reason.as_deref(), failure.at), (Some("access_denied"), Fixtures::at(2)));
    let event_id = world.tell(3, old.as_str()).await;
    assert_eq!(world.kind_and_user(event_id).await, ("auth".to_owned(), Some(user_id(1))));
    let failure = world.inbox.login_failure(&reference("alice")).await.unwrap().unwrap();
    assert_eq!(failure.reason.as_deref(), Some("expired"));
    assert_eq!(world.inbox.login_failure(&reference("bob")).await.unwrap(), None);
    assert_eq!(world.of_alice().await.state, ConnectionState::Active);
    world.tell(4, about("deauth", 1)).await;
    world.tell(5, old).await;
    assert_eq!(world.connections("alice").await, []);
}

/// Before the upstream's own event comes, and before older ones.
pub(crate) async fn a_connection_that_we_removed_is_gone(store: Store) {
    let world = World::new(store);
    world.tell(0, about("auth", 1)).await;
    world.inbox.deauthenticated(user_id(1)).await.unwrap();
    world.inbox.deauthenticated(user_id(2)).await.unwrap(); // nobody knows it
    world.tell(0, about("auth", 1)).await;
    assert_eq!(world.connections("alice").await, []);
}

/// The sender's clock may be wrong by years.
pub(crate) async fn an_event_from_the_future_does_not_silence_later_ones(store: Store) {
    let world = World::new(store);
    let future = Received { ordering: Some(Timestamp::MAX.to_string()), ..world.webhook(about("auth", 1)) };
    world.inbox.receive(future).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(5));
    world.inbox.receive(world.webhook(about("deauth", 1))).await.unwrap();
    assert_eq!(world.connections("alice").await, []);
}

/// Nothing ends by it, and what changed since stays.
pub(crate) async fn what_the_upstream_has_is_adopted(store: Store) {
    let world = World::new(store);
    world.tell(1, about("connection_error", 1)).await;
    world.tell(1, about("deauth", 2)).await;
    world.tell(9, about("deauth", 3)).await;
    let mut corrected = TerraUser { scopes: Some("c".to_owned()), ..terra_user(1) };
    let users = [corrected.clone(), terra_user(2), terra_user(3), terra_user(4)];
    let differences = world.inbox.differences(&users, Fixtures::at(5)).await.unwrap();
    let expected = [Some(ReconcileItem::Changed), Some(ReconcileItem::Missing), None, Some(ReconcileItem::Missing)];
    assert_eq!(differences, expected);
    assert_eq!(world.inbox.add_found_connections(&users, Fixtures::at(5)).await.unwrap(), 3);
    let known: Vec<_> = world.connections("alice").await.iter().map(|known| (known.user_id, known.state)).collect();
    let expected = [(1, ConnectionState::Failing), (2, ConnectionState::Active), (4, ConnectionState::Active)];
    assert_eq!(known, expected.map(|(n, state)| (user_id(n), state)));
    let first = world.inbox.connection(&reference("alice"), user_id(1)).await.unwrap().unwrap();
    assert_eq!((first.scopes.as_deref(), first.changed_at), (Some("c"), Fixtures::at(5)));
    assert_eq!(world.inbox.differences(&users, Fixtures::at(8)).await.unwrap(), [None; 4]);
    assert_eq!(world.inbox.add_found_connections(&users, Fixtures::at(8)).await.unwrap(), 0);
    assert_eq!(world.inbox.connection(&reference("alice"), user_id(1)).await.unwrap(), Some(first));
    corrected = TerraUser { active: Some(false), ..terra_user(4) };
    assert_eq!(world.inbox.add_found_connections(&[corrected], Fixtures::at(9)).await.unwrap(), 1);
}

/// Once, and not one that changed since.
pub(crate) async fn what_the_upstream_does_not_have_is_gone(store: Store) {
    let world = World::new(store);
    world.tell(5, about("auth", 1)).await;
    assert!(!world.inbox.mark_missing(user_id(1), Fixtures::at(4)).await.unwrap());
    assert!(world.inbox.mark_missing(user_id(1), Fixtures::at(5)).await.unwrap());
    assert!(!world.inbox.mark_missing(user_id(1), Fixtures::at(5)).await.unwrap());
    assert!(!world.inbox.mark_missing(user_id(2), Fixtures::at(5)).await.unwrap());
    assert_eq!(world.connections("alice").await, []);
}

/// Events after two weeks, connections and failed logins after a month.
pub(crate) async fn an_inbox_forgets_what_is_over(store: Store) {
    let world = World::new(store);
    let kept = Received { forward: false, ..world.webhook(about("auth", 1)) };
    world.inbox.receive(kept).await.unwrap();
    let deauth = Received { forward: false, ..world.webhook(about("deauth", 2)) };
    world.inbox.receive(deauth).await.unwrap();
    world.tell(0, r#"{"type": "auth_cancelled", "status": "error", "reference_id": "alice"}"#).await;
    let day = SignedDuration::from_hours(24);
    world.clock.advance(day * 14 - SignedDuration::from_millis(1));
    assert_eq!(world.inbox.delete_expired().await.unwrap(), 0);
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(world.inbox.delete_expired().await.unwrap(), 2);
    world.clock.advance(day * 16);
    assert_eq!(world.inbox.delete_expired().await.unwrap(), 2);
    assert_eq!(world.connections("alice").await.len(), 1);
    assert_eq!(world.inbox.counts().await.unwrap().waiting, 1);
}

/// Whatever happens at once: no news are lost, and one row is left of each id.
pub(crate) async fn events_about_one_connection_may_come_at_once(store: Store) {
    let world = World::new(store);
    for round in 0..5 {
        let start = i64::from(round) * 100;
        let (old, new) = (round * 2 + 1, round * 2 + 2);
        let events: Vec<_> = [
            (1, about("auth", old)),
            (2, about("connection_error", old)),
            (3, about("auth", new)),
            (4, reauth(old, new)),
            (5, about("connection_error", new)),
            (6, about("deauth", new)),
        ]
        .map(|(ms, body)| Received { ordering: Some(Fixtures::at(start + ms).to_string()), ..world.webhook(body) })
        .into();
        let told = at_once(events.len(), |n| {
            let (inbox, event) = (world.inbox.clone(), events[n].clone());
            async move { inbox.receive(event).await.unwrap().outcome }
        });
        assert!(told.await.iter().all(|receipt| *receipt != Outcome::Duplicate));
    }
    assert_eq!(world.connections("alice").await, []);
    assert_eq!(world.inbox.known_connections_page(None, 99).await.unwrap().len(), 10);
}
