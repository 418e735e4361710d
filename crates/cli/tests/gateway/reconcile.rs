//! What the gateway knows is compared with what the API has, and mended.

use std::time::Duration;

use axum::{Json, Router, routing::get};
use http::Method;
use serde_json::{Value, json};
use terra_auth::UserId;
use tokio::time::sleep;

use crate::{
    events::Kept,
    support::{
        Site,
        folder::{Answer, Folder},
        serve, until,
    },
};

const LIST: &str = "/api/terra/connections";

/// The users that the gateway knows of a caller.
async fn known(site: &Site, caller: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(&site.ask(caller, Method::GET, LIST).await.text).unwrap();
    let connections = answer["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["user_id"].as_str().unwrap().to_owned()).collect()
}

/// A site whose gateway heard of the connections of these callers and was ended then.
fn after_connecting(callers: &[&str]) -> (Site, Vec<UserId>) {
    let site = Site::new();
    let gateway = site.gateway("");
    let users = callers.iter().map(|caller| site.folder.connect("FITBIT", caller)).collect();
    until("the events come", || {
        let events = site.folder.json("gateway events list --type auth");
        (events.as_array().unwrap().len() == callers.len()).then_some(())
    });
    gateway.kill();
    (site, users)
}

fn drift(answer: &Answer) -> Value {
    let drift: Value = serde_json::from_str(&answer.stdout).unwrap();
    json!(["missing", "changed", "gone"].map(|kind| drift[kind]["count"].clone()))
}

#[tokio::test]
async fn what_happened_while_the_gateway_was_down_is_told_and_mended() {
    let (site, users) = after_connecting(&["alice", "bob"]);
    let carol = site.folder.connect("GARMIN", "carol");
    assert_eq!(site.folder.run(&format!("deauthenticate-user {} --yes", users[0])).code, 0);

    for _ in 0..2 {
        let told = site.folder.run("reconcile --output json");
        assert_eq!((told.code, drift(&told)), (10, json!([1, 0, 1])), "{told}");
    }
    let people = site.folder.run("reconcile");
    assert!(people.stdout.contains(&format!("missing  {carol}  GARMIN    carol")), "{people}");
    assert!(people.stdout.contains(&format!("gone     {}  FITBIT    alice", users[0])), "{people}");
    assert!(people.stderr.contains("run it again with --repair"), "{people}");

    let mended = site.folder.run("reconcile --repair --output json");
    assert_eq!((mended.code, drift(&mended)), (0, json!([1, 0, 1])), "{mended}");
    let again = site.folder.run("reconcile");
    assert_eq!((again.code, &*again.stdout), (0, "Nothing differs: the API has 2 users, and the gateway knows them\n"));

    let _gateway = site.gateway("");
    assert_eq!(site.folder.run("reconcile").code, 0, "beside the gateway too");
    assert_eq!(known(&site, "alice").await, [""; 0]);
    assert_eq!(known(&site, "bob").await, [users[1].to_string()]);
    assert_eq!(known(&site, "carol").await, [carol.to_string()]);
}

#[test]
fn wrong_keys_change_nothing() {
    let (site, users) = after_connecting(&["alice"]);
    assert_eq!(site.folder.run(&format!("deauthenticate-user {} --yes", users[0])).code, 0);
    let keys = site.folder.read(".env.terra.testing");
    let wrong = keys.replace(&site.folder.key("TERRA_API_KEY"), "test-key-not-a-secret");
    site.folder.write(".env.terra.testing", &wrong);
    let refused = site.folder.run("reconcile --repair");
    assert_eq!((refused.code, &*refused.stdout), (3, ""), "{refused}");

    site.folder.write(".env.terra.testing", &keys);
    let told = site.folder.run("reconcile --output json");
    assert_eq!(drift(&told), json!([0, 0, 1]), "{told}");
}

#[test]
fn an_api_that_is_down_changes_nothing() {
    let (site, _) = after_connecting(&["alice"]);
    let Site { folder, upstream, .. } = site;
    upstream.kill();
    let failed = folder.run("reconcile --repair");
    assert_eq!((failed.code, &*failed.stdout), (5, ""), "{failed}");
}

#[test]
fn another_environment_is_not_taken_for_the_gateways() {
    let (site, _) = after_connecting(&["alice", "bob", "carol", "dave", "erin"]);
    let Site { folder, upstream, .. } = site;
    upstream.kill();
    std::fs::remove_file(folder.path(".env.terra.testing")).unwrap();
    let other = folder.dev("--in-memory");
    folder.connect("FITBIT", "mallory");

    let refused = folder.run("reconcile --repair");
    assert_eq!((refused.code, &*refused.stdout), (1, ""), "{refused}");
    assert!(refused.stderr.contains("are these the keys of another environment?"), "{refused}");
    let forced = folder.run("reconcile --force --output json");
    assert_eq!((forced.code, drift(&forced)), (10, json!([1, 0, 5])), "{forced}");
    drop(other);
}

#[test]
fn nothing_is_compared_where_no_gateway_ever_ran() {
    let site = Site::new();
    let refused = site.folder.run("reconcile --repair --data-dir elsewhere");
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains("no gateway has kept anything in elsewhere/gateway-testing.db yet"), "{refused}");
    assert!(!site.folder.path("elsewhere").exists());
}

#[tokio::test]
async fn a_slow_run_says_how_far_it_is() {
    let slowly = async || {
        sleep(Duration::from_millis(2200)).await;
        Json(json!({ "next": null, "max_page": 1, "results": [{ "user_id": USER, "provider": "FITBIT" }] }))
    };
    let url = serve(Router::new().route("/v2/subscriptions", get(slowly)));
    let folder = Folder::new();
    Kept::in_folder(&folder).await;
    let keys = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
    folder.write(".env.terra.testing", &format!("{keys}TERRA_API_URL={url}/v2\n"));

    let told = folder.run("reconcile");
    assert_eq!(told.code, 10, "{told}");
    assert!(told.stderr.starts_with("1 users compared …\n"), "{told}");
    assert!(!folder.run("reconcile --output json").stderr.contains("compared"));
}

const USER: &str = "00000000-0000-4000-8000-000000000001";
