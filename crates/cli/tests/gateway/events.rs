//! Received events are listed, shown and forwarded again.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_cli_testkit::{Folder, until};
use terra_auth_gateway::inbox::{Inbox, Outcome, Received};
use terra_auth_model::{clock::SystemEntropy, delivery::AttemptOutcome};
use terra_auth_store::open_shared;
use terra_auth_testkit::FixedClock;

use crate::support::{Site, serve};

/// The inbox of a gateway, filled without running it.
pub(crate) struct TestInbox {
    inbox: Inbox,
    clock: Arc<FixedClock>,
}

impl TestInbox {
    pub(crate) async fn in_folder(folder: &Folder) -> Self {
        std::fs::create_dir_all(folder.path(".terra-auth")).unwrap();
        let address = format!("sqlite://{}", folder.path(".terra-auth/gateway-testing.db").display());
        let (store, clock) = (open_shared(&address.into()).await.unwrap(), Arc::new(FixedClock::default()));
        Self { inbox: Inbox::new(store, clock.clone(), Arc::new(SystemEntropy)), clock }
    }

    /// Receives an event; returns its id. Ids sort by time.
    async fn receive(&self, number: u8, body: &[u8]) -> String {
        self.clock.advance(SignedDuration::from_millis(1));
        let received = Received {
            trace_id: Some(format!("trace-{number}")),
            reference: Some("reference-1".to_owned()),
            digest: [number; 32],
            ordering: None,
            body: body.to_vec(),
            forward: true,
        };
        match self.inbox.receive(received).await.unwrap().outcome {
            Outcome::Recorded(event_id) => event_id.to_string(),
            Outcome::Duplicate => panic!("received before"),
        }
    }

    async fn receive_and_give_up(&self, number: u8) -> String {
        let event_id = self.receive(number, &body(number)).await;
        let claimed = self.inbox.claim_forwards(10).await.unwrap();
        let problem = Some("the app answered 500".to_owned());
        assert!(self.inbox.record_forward_attempt(&claimed[0], AttemptOutcome::GaveUp, problem).await.unwrap());
        event_id
    }
}

fn body(number: u8) -> Vec<u8> {
    json!({ "type": "activity", "number": number, "user": { "user_id": USER } }).to_string().into_bytes()
}

const USER: &str = "00000000-0000-4000-8000-000000000001";

/// The trace ids and bodies that an app received.
type Deliveries = Arc<Mutex<Vec<(String, Bytes)>>>;

fn app() -> (String, Deliveries) {
    async fn take(State(deliveries): State<Deliveries>, headers: HeaderMap, body: Bytes) {
        let trace_id = headers["x-terra-trace-id"].to_str().unwrap().to_owned();
        deliveries.lock().unwrap().push((trace_id, body));
    }
    let deliveries = Deliveries::default();
    let url = serve(Router::new().route("/hooks", post(take)).with_state(Arc::clone(&deliveries)));
    (format!("{url}/hooks"), deliveries)
}

fn ids(listed: &Value) -> Vec<&str> {
    listed.as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_event_is_listed_shown_and_forwarded_again() {
    let site = Site::new();
    let (url, deliveries) = app();
    let _gateway = site.gateway(&format!("--forward-to {url}"));
    let user_id = site.folder.connect("FITBIT", "alice");
    let listed = until("the app has the event", || {
        let listed = site.folder.json(&format!("gateway events list --type auth --user {user_id} --state done"));
        listed.as_array().unwrap().first().cloned()
    });
    let event_id = listed["event_id"].as_str().unwrap();

    let shown = site.folder.run(&format!("gateway events show {event_id}"));
    assert!(shown.stdout.contains("\n  \"type\": \"auth\""), "{shown}");
    let raw = site.folder.run(&format!("gateway events show {event_id} --raw"));
    assert_eq!(raw.stdout.as_bytes(), &deliveries.lock().unwrap()[0].1[..]);

    assert_eq!(site.folder.json(&format!("gateway events replay {event_id}"))["replayed"], 1);
    let deliveries = until("the app has it twice", || {
        Some(deliveries.lock().unwrap().clone()).filter(|deliveries| deliveries.len() == 2)
    });
    assert_eq!(deliveries[0], deliveries[1]);
}

#[tokio::test]
async fn a_replay_forwards_events_that_were_given_up() {
    let site = Site::new();
    let kept = TestInbox::in_folder(&site.folder).await;
    let mut given_up = Vec::new();
    for number in 1..=3 {
        given_up.push(kept.receive_and_give_up(number).await);
    }
    let dead = || site.folder.json("gateway events list --state dead");
    assert_eq!(ids(&dead()), [&*given_up[2], &given_up[1], &given_up[0]]);
    assert_eq!(dead()[0]["problem"], "the app answered 500");

    let (url, deliveries) = app();
    let _gateway = site.gateway(&format!("--forward-to {url}"));
    let oldest = site.folder.run("gateway events replay --dead --limit 1");
    assert_eq!(oldest.to_string(), "exit 0\n1 event will be forwarded again\n");
    until("the oldest is forwarded", || (deliveries.lock().unwrap().len() == 1).then_some(()));
    assert_eq!(deliveries.lock().unwrap()[0], ("trace-1".to_owned(), body(1).into()));

    let others = site.folder.run("gateway events replay --dead");
    assert_eq!(others.to_string(), "exit 0\n2 events will be forwarded again\n");
    until("all are forwarded", || (deliveries.lock().unwrap().len() == 3).then_some(()));
    until("none is given up", || dead().as_array().unwrap().is_empty().then_some(()));
    assert_eq!(site.folder.run("gateway events replay --dead").to_string(), "exit 0\nNo event to replay\n");
}

#[tokio::test]
async fn a_long_list_is_paged() {
    let folder = Folder::new();
    let kept = TestInbox::in_folder(&folder).await;
    let mut all = Vec::new();
    for number in 0..120 {
        all.insert(0, kept.receive(number, &body(number)).await);
    }
    let first = folder.run("gateway events list --limit 70 --output json");
    let listed: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(ids(&listed), all[..70]);
    assert!(first.stderr.contains(&format!("continue with --before {}", all[69])), "{first}");
    let next_page = folder.json(&format!("gateway events list --before {}", all[69]));
    assert_eq!(ids(&next_page), all[70..]);
    assert_eq!(folder.json("gateway events list --type sleep"), json!([]));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_shown_without_control_characters() {
    let folder = Folder::new();
    let event_id = TestInbox::in_folder(&folder).await.receive(1, b"not \x1b[31mJSON\nat \xff all").await;
    let shown = folder.run(&format!("gateway events show {event_id}"));
    assert!(shown.stdout.ends_with("\nnot \u{fffd}[31mJSON\nat \u{fffd} all\n"), "{shown}");
    let shown = folder.json(&format!("gateway events show {event_id}"));
    assert_eq!((&shown["body"], &shown["size_bytes"]), (&json!("not \u{1b}[31mJSON\nat \u{fffd} all"), &json!(22)));
}

#[tokio::test]
async fn an_unknown_event_is_reported_as_not_found() {
    let folder = Folder::new();
    let known = TestInbox::in_folder(&folder).await.receive(1, &body(1)).await;
    let unknown = "00000000-0000-7000-8000-000000000001";
    let shown = folder.run(&format!("gateway events show {unknown}"));
    assert_eq!((shown.code, &*shown.stdout), (4, ""), "{shown}");
    let replayed = folder.run(&format!("gateway events replay {known} {unknown}"));
    assert_eq!((replayed.code, &*replayed.stdout), (4, "1 event will be forwarded again\n"));
    assert!(replayed.stderr.contains(&format!("no such event: {unknown}\n")), "{replayed}");
}

#[tokio::test]
async fn environments_do_not_see_each_others_events() {
    let folder = Folder::new();
    TestInbox::in_folder(&folder).await.receive(1, &body(1)).await;
    assert_eq!(ids(&folder.json("gateway events list")).len(), 1);
    let refused = folder.run("gateway events list --env staging");
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains(".terra-auth/gateway-staging.db"), "{refused}");
}

#[test]
fn the_event_commands_create_no_store_and_open_no_servers_store() {
    let folder = Folder::new();
    for command in ["list", "replay --dead", "show 00000000-0000-7000-8000-000000000001"] {
        let refused = folder.run(&format!("gateway events {command}"));
        assert_eq!(refused.code, 4, "{refused}");
        assert!(refused.stderr.contains("there is no gateway store at .terra-auth/gateway-testing.db"), "{refused}");
        assert!(!folder.path(".terra-auth").exists());
    }
    let _server = folder.dev("");
    folder.write("gateway.toml", "store = 'sqlite://.terra-auth/terra-auth.db'");
    let refused = folder.run("gateway events list");
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("another terra-auth uses this store"), "{refused}");
    folder.write("gateway.toml", "store = 'sqlite::memory:'");
    assert_eq!(folder.run("gateway events list").code, 4);
}
