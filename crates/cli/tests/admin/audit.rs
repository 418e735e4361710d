use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::{dev, run_as, serve, stdout_of};

#[test]
fn the_log_records_who_did_what() {
    let (folder, _server) = dev();
    stdout_of(&folder, "keys create --name reports");
    stdout_of(&folder, "keys rotate");
    let rows = stdout_of(&folder, "audit list --after 2");
    let lines: Vec<_> = rows.lines().collect();
    assert_eq!(lines.len(), 3, "{rows}");
    for (line, act, target) in [(lines[1], "api_key.create", "reports"), (lines[2], "api_key.rotate", "-")] {
        let parts = ["bootstrap", "127.0.0.1", act, "done", &folder.key("TERRA_DEV_ID"), target];
        assert!(parts.iter().all(|part| line.contains(part)), "{rows}");
    }
    let first = folder.run("audit list --limit 1");
    assert!(first.code == 0 && first.stderr.contains("more than 1 entries; continue with --after 1"), "{first}");
}

#[test]
fn the_log_of_one_environment_begins_with_its_creation() {
    let (folder, server) = dev();
    let created = folder.json(&format!("environments create --env staging --name x --server {}", server.origin()));
    let dev_id = created["dev_id"].as_str().unwrap();
    stdout_of(&folder, &format!("environments disable {dev_id}"));
    stdout_of(&folder, "keys rotate");
    let log = folder.json(&format!("audit list --dev-id {dev_id}"));
    let acts: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(acts, ["environment.create", "environment.disable"]);
}

#[test]
fn an_export_has_one_object_per_line_over_all_pages() {
    let (folder, _server) = dev();
    let disabled = format!("environments disable {}", folder.key("TERRA_DEV_ID"));
    stdout_of(&folder, &disabled);
    let lines: Vec<Value> =
        stdout_of(&folder, "audit export").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<_> = lines.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert!(lines.iter().all(|entry| entry["mac"].as_str().unwrap().len() == 64));
    assert_eq!(stdout_of(&folder, "audit export --after 3"), "");
}

#[test]
fn an_intact_log_is_verified() {
    let (folder, _server) = dev();
    assert_eq!(stdout_of(&folder, "audit verify"), "Intact: 2 entries in their original order\n");
    assert_eq!(folder.json("audit verify")["intact"], true);
}

#[test]
fn a_damaged_log_reports_its_first_invalid_entry() {
    let verdict = json!({ "intact": false, "entries": 41, "broken_at": 42 });
    let url = serve(Router::new().route("/api/v3/admin/audit/verify", get(move || async { Json(verdict) })));
    let folder = Folder::new();
    let answer = run_as(&folder, "admin-token-not-a-secret", &format!("audit verify --server {url}"));
    assert_eq!((answer.code, &*answer.stdout), (1, ""), "{answer}");
    assert!(answer.stderr.starts_with("error: the audit log is broken: entry 42 is missing"), "{answer}");
}
