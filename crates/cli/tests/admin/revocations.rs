//! What became of the grants of connections that ended.

use serde_json::{Value, json};

use crate::support::{dev, folder::Folder, said, until};

/// The reports, once none is pending.
fn settled(folder: &Folder, arguments: &str) -> Vec<Value> {
    until("the provider was asked", || {
        let reports = folder.json(&format!("connections revocations {arguments}"));
        let reports = reports.as_array().unwrap().clone();
        (!reports.is_empty() && reports.iter().all(|report| report["outcome"] != "pending")).then_some(reports)
    })
}

#[test]
fn what_the_provider_answered_can_be_asked_for_each_connection() {
    let (folder, _server) = dev();
    let (alice, bob) = (folder.connect("OURA", "alice"), folder.connect("OURA", "bob"));
    for user in [alice, bob] {
        said(&folder, &format!("deauthenticate-user {user} --yes"));
    }
    let of_alice = settled(&folder, &format!("--user-id {alice}"));
    let of_bob = settled(&folder, &format!("--user-id {bob}"));
    assert_eq!((&of_alice[0]["outcome"], &of_alice[0]["reason"]), (&json!("not_needed"), &json!("other_connections")));
    assert_eq!((&of_bob[0]["outcome"], &of_bob[0]["status"]), (&json!("confirmed"), &json!(200)));
    assert_eq!(settled(&folder, "").len(), 2);

    let answer = folder.run("connections revocations --limit 1");
    assert!(answer.stdout.contains("confirmed") && !answer.stdout.contains("not needed"), "{answer}");
    assert!(answer.stderr.contains("there are more than 1 revocations"), "{answer}");
    let nobody = folder.json("connections revocations --user-id 00000000-0000-4000-8000-000000000001");
    assert_eq!(nobody, json!([]));
}
