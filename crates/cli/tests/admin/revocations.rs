//! The reports on the revoked grants of deleted connections.

use serde_json::{Value, json};
use terra_auth_cli_testkit::{Folder, until};

use crate::support::{dev, stdout_of};

/// Waits until no report is pending; returns the reports.
fn settled(folder: &Folder, arguments: &str) -> Vec<Value> {
    until("the provider was asked", || {
        let reports = folder.json(&format!("connections revocations {arguments}"));
        let reports = reports.as_array().unwrap().clone();
        (!reports.is_empty() && reports.iter().all(|report| report["outcome"] != "pending")).then_some(reports)
    })
}

#[test]
fn the_providers_response_is_reported_for_each_connection() {
    let (folder, _server) = dev();
    let (alice, bob) = (folder.connect("OURA", "alice"), folder.connect("OURA", "bob"));
    for user in [alice, bob] {
        stdout_of(&folder, &format!("deauthenticate-user {user} --yes"));
    }
    let of_alice = settled(&folder, &format!("--user-id {alice}"));
    let of_bob = settled(&folder, &format!("--user-id {bob}"));
    assert_eq!((&of_alice[0]["outcome"], &of_alice[0]["reason"]), (&json!("not_needed"), &json!("other_connections")));
    assert_eq!((&of_bob[0]["outcome"], &of_bob[0]["status"]), (&json!("confirmed"), &json!(200)));
    assert_eq!(settled(&folder, "").len(), 2);

    let answer = folder.run("connections revocations --limit 1");
    assert!(answer.stdout.contains("confirmed") && !answer.stdout.contains("not needed"), "{answer}");
    assert!(answer.stderr.contains("there are more than 1 revocations"), "{answer}");
    let unknown = folder.json("connections revocations --user-id 00000000-0000-4000-8000-000000000001");
    assert_eq!(unknown, json!([]));
}
