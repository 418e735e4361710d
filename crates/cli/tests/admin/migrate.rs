//! Migration of end users from one provider to another.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::{dev, stdout_of};

const BETWEEN: &str = "--from FITBIT --to GOOGLE";
const LINKS: &str = "migrate-fitbit-google.csv";

fn status(folder: &Folder) -> Value {
    folder.json(&format!("migrate status {BETWEEN}"))
}

#[test]
fn end_users_move_one_cohort_at_a_time_and_keep_the_old_connection_until_then() {
    let (folder, _server) = dev();
    for name in ["alice", "bob", "carol"] {
        let connect = format!("sandbox connect --provider FITBIT --reference-id {name} --account {name}");
        stdout_of(&folder, &connect);
    }
    stdout_of(&folder, "sandbox connect --provider GOOGLE --reference-id carol --account carol");
    stdout_of(&folder, "sandbox connect --provider GOOGLE --reference-id dave --account dave");
    stdout_of(&folder, "sandbox connect --provider FITBIT --account anonymous");
    let before = json!({"to_do": 2, "invited": 0, "expired": 0, "both": 1, "moved": 1, "nameless": 1});
    assert_eq!(status(&folder), before);

    let first = folder.json(&format!("migrate start {BETWEEN} --all --cohort 1"));
    assert_eq!((&first["invited"], &first["left"], &first["file"]), (&json!(1), &json!(1), &json!(LINKS)));
    let links = folder.read(LINKS);
    assert!(links.starts_with("reference_id,url,expires_at\n\"alice\",\"http://"), "{links}");
    assert_eq!(fs::metadata(folder.path(LINKS)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(status(&folder)["invited"], 1);

    folder.write("beta.txt", "alice\nbob\nnosuch\n");
    let second = folder.json(&format!("migrate start {BETWEEN} --reference-ids beta.txt"));
    assert_eq!((&second["invited"], &second["left"]), (&json!(1), &json!(0)));
    assert_eq!(folder.read(LINKS).lines().count(), 3);
    folder.write(LINKS, &folder.read(LINKS).replace(",20", ",19"));
    assert_eq!(status(&folder)["expired"], 2);

    stdout_of(&folder, "sandbox connect --provider GOOGLE --reference-id alice --account alice");
    let overlap = json!({"to_do": 0, "invited": 0, "expired": 1, "both": 2, "moved": 1, "nameless": 1});
    assert_eq!(status(&folder), overlap);
    assert_eq!(folder.run(&format!("migrate retire {BETWEEN}")).code, 7);
    assert_eq!(folder.json(&format!("migrate retire {BETWEEN} --overlap-days 1"))["retired"], 0);
    assert_eq!(folder.json(&format!("migrate retire {BETWEEN} --yes"))["retired"], 2);
    let after = json!({"to_do": 0, "invited": 0, "expired": 1, "both": 0, "moved": 3, "nameless": 1});
    assert_eq!(status(&folder), after);
}

#[test]
fn invalid_providers_or_lists_of_users_invite_no_users() {
    let (folder, _server) = dev();
    let connected = "sandbox connect --provider FITBIT --reference-id alice";
    stdout_of(&folder, connected);
    assert_eq!(folder.run("migrate start --from FITBIT --to NOSUCH --all").code, 1);
    assert_eq!(folder.run(&format!("migrate start {BETWEEN}")).code, 2);
    folder.write("links.csv", "something,else\n");
    assert_eq!(folder.run(&format!("migrate status {BETWEEN} --invitations links.csv")).code, 2);
    folder.write("none.txt", "\n");
    assert_eq!(folder.run(&format!("migrate start {BETWEEN} --reference-ids none.txt")).code, 2);
}
