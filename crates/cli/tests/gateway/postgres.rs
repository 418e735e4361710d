//! Two gateways on one PostgreSQL database behave like one gateway, even when one of them is killed.

use std::{net::SocketAddr, thread, time::Duration};

use futures_util::future::{join, join_all};
use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth::UserId;
use terra_auth_cli_testkit::{Server, http::send, until, until_in};
use terra_auth_testkit::{Database, Postgres};
use uuid::Uuid;

use crate::support::{
    Site, free_address,
    webhook::{App, FORWARD_SECRET, Webhook, now},
};

/// Two gateways beside an app.
struct CertificateWithKey {
    site: Site,
    app: App,
    first: Server,
    second: Server,
    secret: String,
    _database: Database,
}

impl CertificateWithKey {
    /// Starts both gateways. The upstream sends its events to the first one.
    fn start(app_takes: Duration) -> Self {
        let (site, app, database) = (Site::new(), App::start(app_takes), Postgres::start().database());
        let settings = format!(
            "store = '{}'\nlogin.who_am_i.url = '{}/me'\nwebhooks.forward_to = '{}'\n",
            database.url(),
            site.app,
            app.url
        );
        site.folder.write("gateway.toml", &settings);
        let start = |address: SocketAddr| {
            let arguments = format!("gateway --output json --listen {address}");
            Server::start(site.folder.command(&arguments).env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET))
        };
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| start(site.address)); // both may find an empty database
            let second = start(free_address());
            (first.join().unwrap(), second)
        });
        let secret = site.folder.key("TERRA_SIGNING_SECRET");
        Self { site, app, first, second, secret, _database: database }
    }

    fn listed(&self, filter: &str) -> Vec<Value> {
        let listed = self.site.folder.json(&format!("gateway events list --limit 1000 {filter}"));
        listed.as_array().unwrap().clone()
    }

    /// Sends an event to both gateways at once; each must acknowledge it.
    async fn send_to_both(&self, webhook: Webhook) {
        let (first, second) = (self.first.origin(), self.second.origin());
        let answers = join(webhook.send(&first, &self.secret), webhook.send(&second, &self.secret)).await;
        assert_eq!((answers.0.unwrap().as_u16(), answers.1.unwrap().as_u16()), (200, 200));
    }
}

#[tokio::test]
async fn an_event_that_both_receive_is_recorded_once_and_forwarded_by_one() {
    let pair = CertificateWithKey::start(Duration::from_millis(50));
    join_all((0..60).map(|number| pair.send_to_both(webhook("auth", number)))).await;

    let done = until("all are forwarded", || Some(pair.listed("--state done")).filter(|done| done.len() == 60));
    assert_eq!(pair.listed("").len(), 60);
    assert!(done.iter().all(|event| event["attempts"] == 1), "{done:?}");
    let heard = pair.app.received();
    assert_eq!(heard.len(), 60);
    assert!(heard.values().all(|bodies| bodies.len() == 1), "an event was forwarded twice");
    for server in [&pair.first, &pair.second] {
        assert_eq!(connections(server, "alice").await.len(), 60);
    }
}

#[tokio::test]
async fn of_events_that_both_receive_at_once_the_latest_counts() {
    let pair = CertificateWithKey::start(Duration::ZERO);
    let connected_at = now() - SignedDuration::from_mins(1);
    let events = (0..60).map(async |number| {
        let user = UserId(Uuid::from_u128(number));
        let auth = Webhook::new(format!("auth-{number}"), "auth", user, "alice").at(connected_at);
        let deauth = Webhook::new(format!("deauth-{number}"), "deauth", user, "alice");
        let deauth = deauth.at(connected_at + SignedDuration::from_secs(1));
        let (first, second) = (pair.first.origin(), pair.second.origin());
        let answers = join(auth.send(&first, &pair.secret), deauth.send(&second, &pair.secret)).await;
        assert_eq!((answers.0.unwrap().as_u16(), answers.1.unwrap().as_u16()), (200, 200));
    });
    join_all(events).await;
    assert_eq!(pair.listed("").len(), 120);
    assert_eq!(connections(&pair.first, "alice").await, [""; 0]);
}

#[tokio::test]
async fn an_event_at_one_gateway_is_visible_at_the_other_and_to_the_commands() {
    let pair = CertificateWithKey::start(Duration::ZERO);
    let user = pair.site.folder.connect("FITBIT", "alice");
    let event = until("the event is forwarded", || pair.listed("--type auth --state done").first().cloned());
    for server in [&pair.first, &pair.second] {
        assert_eq!(connections(server, "alice").await, [user.to_string()]);
        assert_eq!(connections(server, "bob").await, [""; 0]);
    }
    let compared = pair.site.folder.run("reconcile");
    assert_eq!(compared.code, 0, "{compared}");

    let event_id = event["event_id"].as_str().unwrap();
    assert_eq!(pair.site.folder.json(&format!("gateway events replay {event_id}"))["replayed"], 1);
    until("the app has it twice", || pair.app.received().values().any(|bodies| bodies.len() == 2).then_some(()));

    let url = format!("{}/api/terra/connections/{user}", pair.second.origin());
    let removed = send(Method::DELETE, &url, &[("cookie", "user=alice")], String::new()).await.unwrap();
    assert!(removed.status.is_success(), "{}", removed.text);
    assert_eq!(connections(&pair.first, "alice").await, [""; 0]);
    until("the upstream sends the deauth event", || pair.listed("--type deauth").first().cloned());
    assert_eq!(pair.site.folder.run("reconcile").code, 0);
}

#[tokio::test]
async fn when_one_gateway_is_killed_the_other_continues_its_work() {
    let pair = CertificateWithKey::start(Duration::from_millis(300));
    join_all((0..160).map(|number| pair.send_to_both(webhook("activity", number)))).await;
    // Both gateways together forward at most 64 events at once, so the first one is killed with
    // some in flight.
    until("both forward", || (pair.app.received().len() > 40).then_some(()));
    let CertificateWithKey { site, app, first, second, secret, _database } = pair;
    first.kill();

    for number in 160..190 {
        assert_eq!(webhook("activity", number).send(&second.origin(), &secret).await.unwrap(), 200);
    }
    // Forwards in flight at the first gateway are repeated when their leases expire, after 30 s.
    until_in(Duration::from_mins(1), "all are forwarded", || {
        let done = site.folder.json("gateway events list --limit 1000 --state done");
        (done.as_array().unwrap().len() == 190).then_some(())
    });
    let heard = app.received();
    assert_eq!(heard.len(), 190);
    assert!(heard.values().any(|bodies| bodies.len() == 2), "the first gateway had no forward in flight");
}

/// The `n`-th event, about the `n`-th user.
fn webhook(kind: &str, number: u128) -> Webhook {
    Webhook::new(format!("trace-{number}"), kind, UserId(Uuid::from_u128(number)), "alice")
}

/// The user ids of the connections that a gateway lists for a caller.
async fn connections(gateway: &Server, caller: &str) -> Vec<String> {
    let url = format!("{}/api/terra/connections", gateway.origin());
    let cookie = format!("user={caller}");
    let answer = send(Method::GET, &url, &[("cookie", &cookie)], String::new()).await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text).unwrap();
    let connections = answer["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["user_id"].as_str().unwrap().to_owned()).collect()
}
