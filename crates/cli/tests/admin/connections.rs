//! Import and export of connections.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, process::Stdio, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth_cli_testkit::{Folder, Server, until};

use crate::support::{dev, run_as, stdout_of};

/// The credential file of the environment without a user limit.
const FILE: &str = ".env.terra.production";
const HEADER: &str = "provider,account,reference_id,access_token,refresh_token,expires_at\n";

/// Creates a production environment, which has no user limit, in addition to the testing one.
fn production(folder: &Folder, server: &Server) {
    let create = format!("environments create --env production --name Acme --server {}", server.origin());
    folder.write(FILE, &stdout_of(folder, &create));
}

fn many(rows: usize) -> String {
    let mut text = HEADER.to_owned();
    for n in 0..rows {
        let _ = writeln!(text, "OURA,{n},user-{n},access-{n}-not-a-secret,refresh-{n}-not-a-secret,4070908800");
    }
    text
}

fn mode(folder: &Folder, file: &str) -> u32 {
    fs::metadata(folder.path(file)).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_import_that_is_killed_is_resumed_and_imports_nothing_twice() {
    let (folder, server) = dev();
    production(&folder, &server);
    folder.write("grants.csv", &many(10_000));
    let mut import = folder.command("connections import grants.csv --env production");
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("some rows are imported", || folder.path("grants.csv.progress").exists().then_some(()));
    import.kill().unwrap();
    assert!(!import.wait().unwrap().success());
    let so_far: Value = serde_json::from_str(&folder.read("grants.csv.progress")).unwrap();
    let line = so_far["line"].as_u64().unwrap();
    assert!((500..10_000).contains(&line), "{so_far}");

    let done = folder.json("connections import grants.csv --env production --resume");
    let (imported, kept) = (done["imported"].as_u64().unwrap(), done["kept"].as_u64().unwrap());
    assert!(imported + kept == 10_000 && kept <= 500, "{done}");
    assert!(!folder.path("grants.csv.progress").exists());
    let environments = folder.json("environments list");
    let production = environments.as_array().unwrap().iter().find(|one| one["environment"] == "production").unwrap();
    assert_eq!(production["users"], 10_000);
    let again = folder.json("connections import grants.csv --env production");
    assert_eq!((&again["imported"], &again["kept"]), (&json!(0), &json!(10_000)));

    stdout_of(&folder, "connections export --env production --out all.ndjson");
    let all = folder.read("all.ndjson");
    assert_eq!((all.lines().count(), mode(&folder, "all.ndjson")), (10_000, 0o600));
    assert!(!all.contains("not-a-secret"));
    server.stop(Signal::TERM);
    for file in ["terra-auth.db", "terra-auth.db-wal"] {
        let bytes = fs::read(folder.path(".terra-auth").join(file)).unwrap_or_default();
        assert!(!bytes.windows(12).any(|window| window == b"not-a-secret"), "{file} has a token");
    }
}

#[test]
fn bad_lines_are_named_and_all_others_are_imported() {
    let (folder, _server) = dev();
    let bad = [
        "OURA,2,bob,access-not-a-secret,refresh-not-a-secret,not-a-secret",
        "NOSUCH,3,carol,access-not-a-secret,,",
        "OURA,4,dave,\"access-not-a-secret,,",
        "OURA,5,erin,access-not-a-secret",
    ];
    let good = ["OURA,1,alice,access-not-a-secret,,", "OURA,6,\"frank, the first\",access-not-a-secret,,"];
    folder.write("grants.csv", &format!("{HEADER}{}\n{}\n\n{}\n", good[0], bad.join("\r\n"), good[1]));
    let named = "line 3: expires_at: neither RFC 3339 nor seconds since 1970\n\
                 line 4: provider: unknown, or not enabled in this environment\n\
                 line 5: CSV: a quote is not closed on the same line\n\
                 line 6: CSV: 4 fields, but the header has 6\n";
    for (flag, would) in [("--dry-run", "would be "), ("", "")] {
        let answer = folder.run(&format!("connections import grants.csv {flag}"));
        let expected = format!("2 {would}imported, 0 {would}left unchanged (already connected), 4 rejected\n");
        assert_eq!((answer.code, &*answer.stdout), (1, &*expected), "{answer}");
        assert!(answer.stderr.starts_with(named), "{answer}");
        assert!(!answer.to_string().contains("not-a-secret"), "{answer}");
        let there = folder.json("users list").as_array().unwrap().len();
        assert_eq!(there, if flag.is_empty() { 2 } else { 0 });
    }
    let again = folder.run("connections import grants.csv --output json");
    let first: Value = serde_json::from_str(again.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((again.code, &first["line"]), (1, &json!(3)), "{again}");
    let summary: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&summary["imported"], &summary["kept"], &summary["refused"]), (&json!(0), &json!(2), &json!(4)));
}

#[test]
fn a_file_without_the_columns_is_rejected_before_anything_is_sent() {
    let (folder, _server) = dev();
    for text in ["OURA,1,alice,access-not-a-secret\n", "provider,account\nOURA,1\n", "provider,account,account\n"] {
        folder.write("grants.csv", text);
        let answer = folder.run("connections import grants.csv");
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{answer}");
        assert!(!answer.stderr.contains("not-a-secret"), "{answer}");
    }
    assert_eq!(folder.run("connections import nosuch.csv").code, 1);
}

#[test]
fn an_import_of_a_changed_file_is_not_resumed() {
    let (folder, server) = dev();
    folder.write("grants.csv", &many(3));
    let dev_id = folder.key("TERRA_DEV_ID");
    let progress = json!({"dev_id": dev_id, "line": 2, "digest": "0", "imported": 1, "kept": 0, "refused": 0});
    for (name, value) in [("dev_id", "other-0"), ("digest", "0"), ("surprise", "0")] {
        let mut progress = progress.clone();
        progress[name] = json!(value);
        folder.write("grants.csv.progress", &progress.to_string());
        let answer = folder.run("connections import grants.csv --resume");
        assert!(answer.code == 2 && answer.stderr.contains("without --resume"), "{answer}");
    }
    let address = server.origin();
    server.kill();
    fs::remove_file(folder.path("grants.csv.progress")).unwrap();
    let answer = folder.run("connections import grants.csv --resume");
    assert!(answer.code == 5 && answer.stderr.contains("stopped after line 0"), "{address}: {answer}");
}

#[test]
fn the_user_limit_has_its_own_exit_code() {
    let (folder, _server) = dev();
    folder.write("grants.csv", &many(51));
    for flag in ["--dry-run", ""] {
        let answer = folder.run(&format!("connections import grants.csv {flag}"));
        assert_eq!(answer.code, 6, "{answer}");
        assert!(answer.stderr.contains("line 52: the environment's user limit is reached"), "{answer}");
    }
}

#[test]
fn grants_exported_with_tokens_are_refreshed_after_their_import() {
    let (folder, server) = dev();
    production(&folder, &server);
    let user_id = folder.connect("FITBIT", "alice");
    stdout_of(&folder, "connections export --with-tokens --out grants.ndjson");
    let mut row: Value = serde_json::from_str(folder.read("grants.ndjson").trim()).unwrap();
    assert_eq!((&row["user_id"], mode(&folder, "grants.ndjson")), (&json!(user_id), 0o600));
    assert_eq!(folder.run("connections export --out grants.ndjson").code, 1); // the file exists
    let old = row["refresh_token"].clone();

    row.as_object_mut().unwrap().remove("expires_at");
    folder.write("one.ndjson", &row.to_string());
    assert_eq!(folder.json("connections import one.ndjson --env production --announce")["imported"], 1);
    for attempt in 0.. {
        thread::sleep(Duration::from_secs(1));
        let file = format!("after-{attempt}.ndjson");
        stdout_of(&folder, &format!("connections export --env production --with-tokens --out {file}"));
        let now: Value = serde_json::from_str(folder.read(&file).trim()).unwrap();
        if now["refresh_token"] != old {
            assert!(now["refresh_token"].is_string() && now["active"] == true, "{:?}", now["active"]);
            assert_eq!(now["user_id"], json!(user_id));
            return;
        }
        assert!(attempt < 60, "not refreshed within a minute"); // a node polls every 30 s
    }
}

#[test]
fn only_owners_export_tokens() {
    let (folder, _server) = dev();
    let token = stdout_of(&folder, "admin tokens create --name alice --role operator");
    folder.write("grants.csv", &many(1));
    assert_eq!(run_as(&folder, token.trim(), "connections import grants.csv").code, 0);
    assert_eq!(run_as(&folder, token.trim(), "connections export --out bare.ndjson").code, 0);
    assert_eq!(run_as(&folder, token.trim(), "connections export --with-tokens --out full.ndjson").code, 3);
    let audit = stdout_of(&folder, "audit list");
    assert!(audit.contains("1 imported, 0 kept, 0 refused") && audit.contains("denied"), "{audit}");
}

#[test]
fn a_connection_is_shown_with_the_state_of_its_refreshes() {
    let (folder, _server) = dev();
    let user_id = folder.connect("FITBIT", "alice");
    let shown = stdout_of(&folder, &format!("connections show {user_id}"));
    for line in
        ["provider         FITBIT\n", "active           yes\n", "refresh          fine since 20", "last error       –"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let json = folder.json(&format!("connections show {user_id}"));
    assert_eq!((&json["refresh"]["state"], &json["refresh"]["refreshed_at"]), (&json!("fine"), &Value::Null), "{json}");
    let unknown = folder.run("connections show 00000000-0000-4000-8000-000000000001");
    assert!(unknown.code == 4 && unknown.stderr.contains("no such connection"), "{unknown}");
}
