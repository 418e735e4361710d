//! Two gateways over one PostgreSQL database are one gateway: whichever is asked, and when one of them dies.

use std::{net::SocketAddr, thread, time::Duration};

use futures_util::future::{join, join_all};
use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth::UserId;
use terra_auth_testkit::{Database, Postgres};
use uuid::Uuid;

use crate::support::{
    Site, free_address,
    http::send,
    server::Server,
    until, until_in,
    webhook::{App, FORWARD_SECRET, Webhook, now},
};

/// Two gateways beside an app.
struct Pair {
    site: Site,
    app: App,
    first: Server,
    second: Server,
    secret: String,
    _database: Database,
}

impl Pair {
    /// The upstream sends its events to the first one.
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
            let first = scope.spawn(|| start(site.address)); // each finds an empty database, perhaps
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

    /// Sends an event to both at once; each must acknowledge it.
    async fn send_to_both(&self, webhook: Webhook) {
        let (first, second) = (self.first.origin(), self.second.origin());
        let answers = join(webhook.send(&first, &self.secret), webhook.send(&second, &self.secret)).await;
        assert_eq!((answers.0.unwrap().as_u16(), answers.1.unwrap().as_u16()), (200, 200));
    }
}

#[tokio::test]
async fn an_event_that_both_receive_is_recorded_once_and_forwarded_by_one() {
    let pair = Pair::start(Duration::from_millis(50));
    join_all((0..60).map(|number| pair.send_to_both(webhook("auth", number)))).await;

    let done = until("all are forwarded", || Some(pair.listed("--state done")).filter(|done| done.len() == 60));
    assert_eq!(pair.listed("").len(), 60);
    assert!(done.iter().all(|event| event["attempts"] == 1), "{done:?}");
    let heard = pair.app.heard();
    assert_eq!(heard.len(), 60);
    assert!(heard.values().all(|bodies| bodies.len() == 1), "one was forwarded twice");
    for server in [&pair.first, &pair.second] {
        assert_eq!(connections(server, "alice").await.len(), 60);
    }
}

#[tokio::test]
async fn of_news_that_both_receive_at_once_the_latest_counts() {
    let pair = Pair::start(Duration::ZERO);
    let connected_at = now() - SignedDuration::from_mins(1);
    let news = (0..60).map(async |number| {
        let user = UserId(Uuid::from_u128(number));
        let auth = Webhook::new(format!("auth-{number}"), "auth", user, "alice").at(connected_at);
        let deauth = Webhook::new(format!("deauth-{number}"), "deauth", user, "alice");
        let deauth = deauth.at(connected_at + SignedDuration::from_secs(1));
        let (first, second) = (pair.first.origin(), pair.second.origin());
        let answers = join(auth.send(&first, &pair.secret), deauth.send(&second, &pair.secret)).await;
        assert_eq!((answers.0.unwrap().as_u16(), answers.1.unwrap().as_u16()), (200, 200));
    });
    join_all(news).await;
    assert_eq!(pair.listed("").len(), 120);
    assert_eq!(connections(&pair.first, "alice").await, [""; 0]);
}

#[tokio::test]
async fn what_one_hears_the_other_and_the_commands_know() {
    let pair = Pair::start(Duration::ZERO);
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
    until("the app has it twice", || pair.app.heard().values().any(|bodies| bodies.len() == 2).then_some(()));

    let url = format!("{}/api/terra/connections/{user}", pair.second.origin());
    let removed = send(Method::DELETE, &url, &[("cookie", "user=alice")], String::new()).await.unwrap();
    assert!(removed.status.is_success(), "{}", removed.text);
    assert_eq!(connections(&pair.first, "alice").await, [""; 0]);
    until("the upstream tells that it is gone", || pair.listed("--type deauth").first().cloned());
    assert_eq!(pair.site.folder.run("reconcile").code, 0);
}

#[tokio::test]
async fn when_one_dies_the_other_goes_on_with_its_work() {
    let pair = Pair::start(Duration::from_millis(300));
    join_all((0..160).map(|number| pair.send_to_both(webhook("activity", number)))).await;
    // More than both have on their way at once, 32 each, so the first one surely dies with some.
    until("both forward", || (pair.app.heard().len() > 40).then_some(()));
    let Pair { site, app, first, second, secret, _database } = pair;
    first.kill();

    for number in 160..190 {
        assert_eq!(webhook("activity", number).send(&second.origin(), &secret).await.unwrap(), 200);
    }
    // What the first one was forwarding is forwarded again when its lease ends, after 30 s.
    until_in(Duration::from_mins(1), "all are forwarded", || {
        let done = site.folder.json("gateway events list --limit 1000 --state done");
        (done.as_array().unwrap().len() == 190).then_some(())
    });
    let heard = app.heard();
    assert_eq!(heard.len(), 190);
    assert!(heard.values().any(|bodies| bodies.len() == 2), "the first one was forwarding nothing");
}

/// The `n`-th event, about the `n`-th user.
fn webhook(kind: &str, number: u128) -> Webhook {
    Webhook::new(format!("trace-{number}"), kind, UserId(Uuid::from_u128(number)), "alice")
}

/// The user ids that a gateway shows to a caller.
async fn connections(gateway: &Server, caller: &str) -> Vec<String> {
    let url = format!("{}/api/terra/connections", gateway.origin());
    let cookie = format!("user={caller}");
    let answer = send(Method::GET, &url, &[("cookie", &cookie)], String::new()).await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text).unwrap();
    let connections = answer["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["user_id"].as_str().unwrap().to_owned()).collect()
}
