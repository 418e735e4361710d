//! Compares the gateway's connections with those at the API, and repairs the differences.

use std::time::Duration;

use axum::{Json, Router, routing::get};
use http::Method;
use serde_json::{Value, json};
use terra_auth::UserId;
use terra_auth_cli_testkit::{CommandOutput, Folder, until};
use tokio::time::sleep;

use crate::{
    events::TestInbox,
    support::{Site, serve},
};

const LIST: &str = "/api/terra/connections";

/// The user ids of the connections that the gateway lists for a caller.
async fn known(site: &Site, caller: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(&site.ask(caller, Method::GET, LIST).await.text).unwrap();
    let connections = answer["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["user_id"].as_str().unwrap().to_owned()).collect()
}

/// A site whose gateway received the connections of these callers and was then killed.
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

fn drift(answer: &CommandOutput) -> Value {
    let drift: Value = serde_json::from_str(&answer.stdout).unwrap();
    json!(["missing", "changed", "gone"].map(|kind| drift[kind]["count"].clone()))
}

#[tokio::test]
async fn changes_while_the_gateway_was_down_are_reported_and_repaired() {
    let (site, users) = after_connecting(&["alice", "bob"]);
    let carol = site.folder.connect("GARMIN", "carol");
    assert_eq!(site.folder.run(&format!("deauthenticate-user {} --yes", users[0])).code, 0);

    for _ in 0..2 {
        let report = site.folder.run("reconcile --output json");
        assert_eq!((report.code, drift(&report)), (10, json!([1, 0, 1])), "{report}");
    }
    let plain = site.folder.run("reconcile");
    assert!(plain.stdout.contains(&format!("missing  {carol}  GARMIN    carol")), "{plain}");
    assert!(plain.stdout.contains(&format!("gone     {}  FITBIT    alice", users[0])), "{plain}");
    assert!(plain.stderr.contains("run it again with --repair"), "{plain}");

    let repaired = site.folder.run("reconcile --repair --output json");
    assert_eq!((repaired.code, drift(&repaired)), (0, json!([1, 0, 1])), "{repaired}");
    let again = site.folder.run("reconcile");
    assert_eq!((again.code, &*again.stdout), (0, "No differences: the gateway knows all 2 users of the API\n"));

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
    let report = site.folder.run("reconcile --output json");
    assert_eq!(drift(&report), json!([0, 0, 1]), "{report}");
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
fn the_keys_of_another_environment_are_detected() {
    let (site, _) = after_connecting(&["alice", "bob", "carol", "dave", "erin"]);
    let Site { folder, upstream, .. } = site;
    upstream.kill();
    std::fs::remove_file(folder.path(".env.terra.testing")).unwrap();
    let other = folder.dev("--in-memory");
    folder.connect("FITBIT", "mallory");

    let refused = folder.run("reconcile --repair");
    assert_eq!((refused.code, &*refused.stdout), (1, ""), "{refused}");
    assert!(refused.stderr.contains("check that the keys belong to this environment"), "{refused}");
    let forced = folder.run("reconcile --force --output json");
    assert_eq!((forced.code, drift(&forced)), (10, json!([1, 0, 5])), "{forced}");
    drop(other);
}

#[test]
fn without_a_gateways_store_nothing_is_compared() {
    let site = Site::new();
    let refused = site.folder.run("reconcile --repair --data-dir elsewhere");
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains("there is no gateway store at elsewhere/gateway-testing.db"), "{refused}");
    assert!(!site.folder.path("elsewhere").exists());
}

#[tokio::test]
async fn a_slow_run_reports_its_progress() {
    let slowly = async || {
        sleep(Duration::from_millis(2200)).await;
        Json(json!({ "next": null, "max_page": 1, "results": [{ "user_id": USER, "provider": "FITBIT" }] }))
    };
    let url = serve(Router::new().route("/v2/subscriptions", get(slowly)));
    let folder = Folder::new();
    TestInbox::in_folder(&folder).await;
    let keys = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
    folder.write(".env.terra.testing", &format!("{keys}TERRA_API_URL={url}/v2\n"));

    let report = folder.run("reconcile");
    assert_eq!(report.code, 10, "{report}");
    assert!(report.stderr.starts_with("1 users compared …\n"), "{report}");
    assert!(!folder.run("reconcile --output json").stderr.contains("compared"));
}

const USER: &str = "00000000-0000-4000-8000-000000000001";
