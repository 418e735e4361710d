//! Webhook destinations, test events, and the deliveries to a real receiver.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::{Value, json};
use terra_auth_cli_testkit::{Folder, until};

use crate::support::{dev, serve, stdout_of};

/// A receiver with configurable status, which records the path, the trace id and the type of each event.
#[derive(Clone, Default)]
struct Receiver {
    status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<[String; 3]>>>,
}

impl Receiver {
    fn start(&self) -> String {
        async fn take(
            State(this): State<Receiver>,
            uri: Uri,
            headers: HeaderMap,
            body: String,
        ) -> (StatusCode, String) {
            let status = StatusCode::from_u16(this.status.load(Ordering::Relaxed)).unwrap();
            let kind = serde_json::from_str::<Value>(&body).unwrap()["type"].as_str().unwrap().to_owned();
            let trace_id = headers["x-terra-trace-id"].to_str().unwrap().to_owned();
            this.received.lock().unwrap().push([uri.path().to_owned(), trace_id, kind]);
            (status, format!("{status} for {uri}"))
        }
        serve(Router::new().fallback(take).with_state(self.clone()))
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// The path and type of each received event, sorted.
    fn received(&self) -> Vec<(String, String)> {
        let received = self.received.lock().unwrap();
        let mut events: Vec<_> = received.iter().map(|[path, _, kind]| (path.clone(), kind.clone())).collect();
        events.sort();
        events
    }
}

fn created(folder: &Folder, arguments: &str) -> String {
    folder.json(&format!("destinations create {arguments}"))["destination_id"].as_str().unwrap().to_owned()
}

#[test]
fn each_destination_receives_the_events_of_its_types() {
    let (folder, _server) = dev();
    let receiver = Receiver::default();
    receiver.answer(200);
    let url = receiver.start();
    created(&folder, &format!("{url}/all"));
    let crm = created(&folder, &format!("{url}/crm --type deauth --description CRM"));
    folder.json("trigger auth");
    folder.json("trigger deauth");
    until("the events arrive", || (receiver.received().len() == 3).then_some(()));
    let event = |path: &str, kind: &str| (path.to_owned(), kind.to_owned());
    assert_eq!(receiver.received(), [event("/all", "auth"), event("/all", "deauth"), event("/crm", "deauth")]);

    stdout_of(&folder, &format!("destinations disable {crm}"));
    let triggered = folder.json("trigger deauth");
    assert_eq!(triggered[0]["deliveries"], 1);
    let changed = folder.json(&format!("destinations change {crm} --all-types --no-description"));
    assert_eq!(
        (&changed["event_types"], &changed["description"], &changed["enabled"]),
        (&json!(null), &json!(null), &json!(false))
    );
    let rejected = folder.run(&format!("destinations delete {crm}"));
    assert_eq!(rejected.code, 7, "{rejected}");
    stdout_of(&folder, &format!("destinations delete {crm} --yes"));
    let listed = folder.json("destinations list");
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["url"]), (1, &json!(format!("{url}/all"))));
    let missing = folder.run(&format!("destinations enable {crm}"));
    assert!(missing.code == 4 && missing.stderr.contains("destinations list"), "{missing}");
}

#[test]
fn a_failed_delivery_shows_the_response_and_is_replayed_with_its_trace_id() {
    let (folder, _server) = dev();
    let receiver = Receiver::default();
    receiver.answer(500);
    let url = receiver.start();
    created(&folder, &format!("{url}/hooks"));
    let event = folder.json("trigger auth_cancelled --set reason=session_expired")[0]["event_id"].clone();
    let event = event.as_str().unwrap();
    let shown = until("the attempt is recorded", || {
        let shown = folder.json(&format!("deliveries show {event}"));
        (shown["attempts"][0]["status"] == 500).then_some(shown)
    });
    assert_eq!(shown["attempts"][0]["response"], "500 Internal Server Error for /hooks");
    assert_eq!(
        (&shown["deliveries"][0]["state"], &shown["payload"]["reason"]),
        (&json!("waiting"), &json!("session_expired"))
    );

    receiver.answer(200);
    assert_eq!(folder.json("deliveries replay --state waiting --dry-run")["would"], json!({"selected": 1}));
    let replayed = folder.json(&format!("deliveries replay {event}"));
    assert_eq!(replayed, json!({"selected": 1, "replayed": 1}));
    until("the event is delivered", || (folder.json("deliveries list")[0]["state"] == "delivered").then_some(()));
    let traces: Vec<_> = receiver.received.lock().unwrap().iter().map(|[_, trace_id, _]| trace_id.clone()).collect();
    assert_eq!(traces, [event, event]);
}

#[test]
fn an_event_body_that_is_no_object_is_an_error() {
    let (folder, _server) = dev();
    folder.write("body.json", "[1]");
    let rejected = folder.run("trigger auth --from-file body.json");
    assert_eq!(rejected.code, 2, "{rejected}");
    assert!(rejected.stderr.contains("no JSON object"), "{rejected}");
}
