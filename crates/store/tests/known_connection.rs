//! Webhooks come in any order and more than once; what is known in the end is the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::subsequence, test_runner::Config};
use serde_json::{Value, json};
use terra_auth_gateway::inbox::{Inbox, Outcome, Received};
use terra_auth_model::{
    known_connection::{ConnectionState, KnownConnection},
    store::Store,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{CountingEntropy, FixedClock, Fixtures};
use terra_auth_types::ConnectionId;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// What happens under one user id before it ends.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fails,
    IsRevoked,
    Grants,
}

/// One connection: what happens under each of its user ids, whether `auth` of the next one comes before `user_reauth`,
/// and whether the connection is over in the end.
type Life = (Vec<(Vec<Step>, bool)>, bool);

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let step = prop_oneof![Just(Step::Fails), Just(Step::IsRevoked), Just(Step::Grants)];
    vec((vec((vec(step, 0..3), any::<bool>()), 1..4), any::<bool>()), 1..4)
}

/// The events of some connections, each later than the one before.
#[derive(Default)]
struct History(Vec<Value>);

impl History {
    fn of(lives: &[Life]) -> Self {
        let mut history = Self::default();
        for (connection, (ids, over)) in lives.iter().enumerate() {
            history.tell("auth", connection, 0, "");
            for (id, (steps, auth_first)) in ids.iter().enumerate() {
                for step in steps {
                    history.step(connection, id, *step);
                }
                if id + 1 < ids.len() {
                    history.reauth(connection, id, *auth_first);
                } else if *over {
                    history.tell("deauth", connection, id, "");
                }
            }
        }
        history
    }

    fn step(&mut self, connection: usize, id: usize, step: Step) {
        match step {
            Step::Fails => self.tell("connection_error", connection, id, ""),
            Step::IsRevoked => self.tell("access_revoked", connection, id, ""),
            Step::Grants => self.tell("permission_change", connection, id, "more"),
        }
    }

    fn tell(&mut self, kind: &str, connection: usize, id: usize, more: &str) {
        let user = user(connection, id, more);
        self.0.push(json!({"type": kind, "status": "success", "user": user, "scopes_added": more}));
    }

    fn reauth(&mut self, connection: usize, id: usize, auth_first: bool) {
        let (old, new) = (user(connection, id, ""), user(connection, id + 1, ""));
        self.0.push(json!({"type": "user_reauth", "new_user": new, "old_user": old}));
        self.tell("auth", connection, id + 1, "");
        if auth_first {
            let last = self.0.len() - 1;
            self.0.swap(last - 1, last);
        }
    }
}

/// Two connections of each caller.
fn user(connection: usize, id: usize, scopes: &str) -> Value {
    json!({
        "user_id": Uuid::from_u128((connection * 100 + id + 1) as u128),
        "provider": "FITBIT",
        "reference_id": format!("caller {}", connection / 2),
        "scopes": format!("basic,{scopes}"),
        "created_at": format!("2029-01-{:02}T00:00:00Z", id + 1),
    })
}

/// Events in the order of their coming, each with the number of its place in the history.
type Told = Vec<(usize, Value)>;

/// An inbox that has received events.
async fn inbox(events: &[(usize, Value)]) -> Inbox {
    let store = Store::new(Sqlite::in_memory().unwrap());
    let inbox = Inbox::new(store, Arc::new(FixedClock::default()), Arc::new(CountingEntropy::default()));
    for (n, (place, body)) in events.iter().enumerate() {
        let receipt = inbox.receive(webhook(format!("trace {n}"), n, *place, body)).await.unwrap().outcome;
        assert_ne!(receipt, Outcome::Duplicate);
    }
    inbox
}

fn webhook(trace_id: String, signed: usize, place: usize, body: &Value) -> Received {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&signed.to_be_bytes());
    let ordering = Some(Fixtures::at(i64::try_from(place).unwrap()).to_string());
    let body = body.to_string().into_bytes();
    Received { trace_id: Some(trace_id), reference: None, digest, ordering, body, forward: false }
}

async fn table(inbox: &Inbox) -> Vec<KnownConnection> {
    inbox.known_connections_page(None, 100).await.unwrap()
}

/// What does not depend on the order: of what is over, that it is; our own ids are drawn as events come.
fn essence(table: &[KnownConnection]) -> Vec<(Uuid, Timestamp, Option<KnownConnection>)> {
    let row = |known: &KnownConnection| {
        let lives = known.state != ConnectionState::Deauthenticated;
        let row = KnownConnection { connection_id: ConnectionId(Uuid::nil()), ..known.clone() };
        (known.user_id.0, known.changed_at, lives.then_some(row))
    };
    table.iter().map(row).collect()
}

fn our_ids(table: &[KnownConnection]) -> Vec<ConnectionId> {
    let mut ids: Vec<_> = table.iter().map(|known| known.connection_id).collect();
    ids.sort();
    ids
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// A history in its order, and the same with some events twice and all of them in any order.
fn told_twice() -> impl Strategy<Value = (Told, Told)> {
    let history = lives().prop_map(|lives| History::of(&lives).0.into_iter().enumerate().collect::<Told>());
    history.prop_flat_map(|history| {
        let again = subsequence(history.clone(), 0..=history.len());
        let shuffled = (Just(history.clone()), again).prop_map(|(all, again)| [all, again].concat()).prop_shuffle();
        (Just(history), shuffled)
    })
}

proptest! {
    #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_order_of_a_history_ends_in_the_same_connections((history, shuffled) in told_twice()) {
        let (in_order, in_any_order) = runtime().block_on(async {
            (table(&inbox(&history).await).await, table(&inbox(&shuffled).await).await)
        });
        prop_assert_eq!(essence(&in_order), essence(&in_any_order));
        let mut ids = our_ids(&in_any_order);
        ids.dedup();
        prop_assert_eq!(ids.len(), in_any_order.len(), "each row has an id of its own");
    }

    #[test]
    fn a_connection_has_the_same_id_until_it_is_deleted(lives in lives()) {
        let history: Told = History::of(&lives).0.into_iter().enumerate().collect();
        let first = |n: usize| history.iter().position(|(_, event)| event["user"] == user(n, 0, "")).unwrap();
        runtime().block_on(async {
            for (n, (ids, _)) in lives.iter().enumerate() {
                let at_first = table(&inbox(&history[..=first(n)]).await).await;
                let at_last = table(&inbox(&history).await).await;
                let id = |table: &[KnownConnection], id| {
                    let user_id = user(n, id, "")["user_id"].clone();
                    table.iter().find(|known| json!(known.user_id) == user_id).unwrap().connection_id
                };
                assert_eq!(id(&at_first, 0), id(&at_last, ids.len() - 1));
            }
        });
    }

    #[test]
    fn a_repeated_delivery_changes_nothing((_, shuffled) in told_twice()) {
        runtime().block_on(async {
            let inbox = inbox(&shuffled).await;
            let before = table(&inbox).await;
            for (n, (place, body)) in shuffled.iter().enumerate() {
                let resigned = webhook(format!("trace {n}"), n + 1000, *place, body);
                let renamed = webhook(format!("forged {n}"), n, *place, body);
                for again in [resigned, renamed] {
                    assert_eq!(inbox.receive(again).await.unwrap().outcome, Outcome::Duplicate);
                }
            }
            assert_eq!(table(&inbox).await, before);
        });
    }
}
