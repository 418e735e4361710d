use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, dev, stdout_of};

/// A folder with the same server but another key.
fn with_key(folder: &Folder, key: &str) -> Folder {
    let other = Folder::new();
    other.write(FILE, &folder.read(FILE).replace(&folder.key("TERRA_API_KEY"), key));
    other
}

fn key_ids(folder: &Folder) -> Vec<String> {
    let keys = folder.json("keys list");
    keys.as_array().unwrap().iter().map(|key| key["key_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn keys_are_listed_with_their_details_but_not_in_full() {
    let (folder, _server) = dev();
    let key = folder.key("TERRA_API_KEY");
    stdout_of(&folder, "keys create --name reports --scope connections:read,auth:write --expires-in-days 90");
    let rows = stdout_of(&folder, "keys list");
    let lines: Vec<_> = rows.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "KEY ID NAME HINT SCOPES CREATED LAST USED EXPIRES"
    );
    assert!(lines[1].contains("first key") && lines[1].contains(&format!("••••{}", &key[key.len() - 4..])), "{rows}");
    assert!(lines[1].contains("  default ") && lines[1].trim_end().ends_with("never"), "{rows}");
    assert!(lines[2].contains("  auth:write connections:read "), "{rows}");
    assert!(!rows.contains(&key));

    stdout_of(&folder, "verify-connection");
    let keys = folder.json("keys list");
    assert!(keys[0]["last_used_at"].is_string() && keys[1]["last_used_at"].is_null(), "{keys}");
    assert_eq!(keys[1]["scopes"], json!(["auth:write", "connections:read"]));
}

#[test]
fn a_new_key_is_printed_once_and_is_limited_to_its_scopes() {
    let (folder, _server) = dev();
    let answer = folder.run("keys create --name reports --scope connections:read");
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stderr.contains("scopes: connections:read; it is not shown again"), "{answer}");
    let key = answer.stdout.trim_end();
    assert!(key.starts_with("ta_testing_"), "{answer}");
    let reports = with_key(&folder, key);
    assert_eq!(reports.json("users list"), json!([]));
    let refused = reports.run("generate-mobile-token");
    assert_eq!(refused.code, 3, "{refused}");
    assert!(refused.stderr.contains("auth:write"), "{refused}");
}

#[test]
fn a_rotated_key_replaces_the_old_one_in_the_file_and_both_work() {
    let (folder, _server) = dev();
    let before = folder.read(FILE);
    let old = folder.key("TERRA_API_KEY");
    folder.write_trusted(FILE, &format!("# ours\n{before}OTHER=1\n"));
    let answer = folder.run("keys rotate --overlap 90m");
    assert_eq!((answer.code, &*answer.stderr), (0, ""), "{answer}");
    let new = folder.key("TERRA_API_KEY");
    assert_ne!(new, old);
    assert_eq!(folder.read(FILE), format!("# ours\n{before}OTHER=1\n").replace(&old, &new));
    let (old_hint, new_hint) = (&old[old.len() - 4..], &new[new.len() - 4..]);
    assert!(answer.stdout.contains(&format!("Wrote the new key ••••{new_hint} (“first key”) to {FILE}")), "{answer}");
    assert!(answer.stdout.contains(&format!("The old key ••••{old_hint} is valid until ")), "{answer}");
    assert!(!answer.stdout.contains(&new));
    for folder in [&folder, &with_key(&folder, &old)] {
        stdout_of(folder, "generate-mobile-token");
    }
}

#[test]
fn a_leaked_key_is_replaced_at_once() {
    let (folder, _server) = dev();
    let old = folder.key("TERRA_API_KEY");
    let rotated = folder.json("keys rotate --now");
    assert_eq!((&rotated["written_to"], &rotated["key"]["name"]), (&json!(FILE), &json!("first key")));
    assert!(rotated["api_key"].as_str().unwrap().starts_with("••••"), "{rotated}");
    assert_eq!(with_key(&folder, &old).run("generate-mobile-token").code, 3);
    stdout_of(&folder, "generate-mobile-token");
}

#[test]
fn a_key_that_is_not_in_the_file_is_printed_and_the_file_stays() {
    let (folder, _server) = dev();
    stdout_of(&folder, "keys create --name reports --scope connections:read");
    let before = folder.read(FILE);
    let other = key_ids(&folder).pop().unwrap();
    let refused = folder.run(&format!("keys rotate {other}"));
    assert_eq!((refused.code, &*refused.stdout), (2, ""), "{refused}");
    assert!(refused.stderr.contains("add --print"), "{refused}");
    assert_eq!(key_ids(&folder).len(), 2); // rejected before a key was created

    let printed = folder.run(&format!("keys rotate {other} --print"));
    assert_eq!(printed.code, 0, "{printed}");
    assert!(printed.stdout.starts_with("ta_testing_") && printed.stderr.contains("is valid until"), "{printed}");
    assert_eq!(folder.read(FILE), before);
    assert_eq!(folder.json("keys list")[2]["scopes"], json!(["connections:read"]));
}

#[test]
fn a_key_from_a_command_is_not_overwritten() {
    let (folder, _server) = dev();
    let text = folder.read(FILE);
    folder.write("key", &folder.key("TERRA_API_KEY"));
    folder.write_trusted(FILE, &text.replace(&folder.key("TERRA_API_KEY"), "'command:cat key'"));
    let refused = folder.run("keys rotate");
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("from a command"), "{refused}");
    assert_eq!(key_ids(&folder).len(), 1);
    stdout_of(&folder, "keys rotate --print");
    assert!(folder.read(FILE).contains("command:cat key"));
}

#[test]
fn a_new_key_that_cannot_be_written_is_not_lost() {
    let (folder, server) = dev();
    let elsewhere = Folder::new();
    elsewhere.write_trusted(FILE, &folder.read(FILE));
    elsewhere.write("admin-token", &folder.read(".terra-auth/admin-token"));
    // .gitignore is a folder, so the credential file cannot be ignored by git and must not be written.
    std::fs::create_dir(elsewhere.path(".gitignore")).unwrap();
    assert!(
        std::process::Command::new("git").args(["init", "--quiet"]).arg(elsewhere.path("")).status().unwrap().success()
    );
    let answer = elsewhere.run("keys rotate --admin-token-file admin-token");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stdout.starts_with("ta_testing_"), "{answer}");
    assert!(answer.stderr.contains("could not write .gitignore"), "{answer}");
    stdout_of(&with_key(&folder, answer.stdout.trim_end()), "verify-connection");
    drop(server);
}

#[test]
fn a_key_in_use_is_not_revoked_by_mistake() {
    let (folder, _server) = dev();
    stdout_of(&folder, "generate-mobile-token");
    let id = key_ids(&folder).remove(0);
    let unasked = folder.run(&format!("keys revoke {id}"));
    assert_eq!((unasked.code, &*unasked.stdout), (7, ""), "{unasked}");
    let refused = folder.run(&format!("keys revoke {id} --yes"));
    assert_eq!((refused.code, &*refused.stdout), (1, ""), "{refused}");
    assert!(refused.stderr.contains("It is the key in the credential file."), "{refused}");
    assert!(refused.stderr.contains("next: rotate it with `terra-auth keys rotate`"), "{refused}");
    stdout_of(&folder, "generate-mobile-token");

    let revoked = folder.run(&format!("keys revoke {id} --now --yes"));
    assert!(revoked.code == 0 && revoked.stdout.starts_with(&format!("Revoked {id}")), "{revoked}");
    assert_eq!(folder.run("generate-mobile-token").code, 3);
    assert_eq!(folder.run("keys rotate").code, 4); // no key is left
}

#[test]
fn a_key_in_use_is_revoked_with_force_and_an_unused_one_without() {
    let (folder, _server) = dev();
    stdout_of(&folder, "keys create --name spare");
    stdout_of(&folder, "generate-mobile-token");
    let ids = key_ids(&folder);
    stdout_of(&folder, &format!("keys revoke {} --yes", ids[1]));
    stdout_of(&folder, &format!("keys revoke {} --yes --force", ids[0]));
    let again: Value = folder.json("keys list");
    assert!(again.as_array().unwrap().iter().all(|key| key["expires_at"].is_string()), "{again}");
}

#[test]
fn unknown_ids_and_invalid_arguments_are_different_errors() {
    let (folder, server) = dev();
    let origin = server.origin();
    let unknown = "00000000-0000-4000-8000-000000000000";
    for (code, arguments) in [
        (2, "keys create --name x --scope data:read".to_owned()),
        (2, "keys create".to_owned()),
        (2, "keys rotate --overlap soon".to_owned()),
        (2, "keys rotate --overlap 1h --now".to_owned()),
        (2, "keys rotate --rotate-now --yes".to_owned()),
        (
            2,
            "keys list --server http://terra.example.com --dev-id x --admin-token-file .terra-auth/admin-token"
                .to_owned(),
        ),
        (4, format!("keys rotate {unknown}")),
        (4, format!("keys revoke {unknown} --yes")),
        (4, format!("keys list --dev-id unknown-0 --server {origin}")),
        (8, "keys list --env production".to_owned()),
    ] {
        let answer = folder.run(&arguments);
        assert_eq!((answer.code, &*answer.stdout), (code, ""), "{arguments}: {answer}");
    }
}
