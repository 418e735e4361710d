use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use crate::support::{dev, folder::Folder, run_as, said, serve};

#[test]
fn the_log_tells_who_did_what() {
    let (folder, _server) = dev();
    said(&folder, "keys create --name reports");
    said(&folder, "keys rotate");
    let rows = said(&folder, "audit list --after 2");
    let lines: Vec<_> = rows.lines().collect();
    assert_eq!(lines.len(), 3, "{rows}");
    for (line, act, target) in [(lines[1], "api_key.create", "reports"), (lines[2], "api_key.rotate", "-")] {
        let parts = ["bootstrap", "127.0.0.1", act, "done", &folder.key("TERRA_DEV_ID"), target];
        assert!(parts.iter().all(|part| line.contains(part)), "{rows}");
    }
    let first = folder.run("audit list --limit 1");
    assert!(first.code == 0 && first.stderr.contains("more than 1 entries; go on with --after 1"), "{first}");
}

#[test]
fn the_log_of_one_environment_begins_with_its_making() {
    let (folder, server) = dev();
    let made = folder.json(&format!("environments create --env staging --name x --server {}", server.origin()));
    let dev_id = made["dev_id"].as_str().unwrap();
    said(&folder, &format!("environments disable {dev_id}"));
    said(&folder, "keys rotate");
    let log = folder.json(&format!("audit list --dev-id {dev_id}"));
    let acts: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(acts, ["environment.create", "environment.disable"]);
}

#[test]
fn an_export_is_one_object_a_line_over_all_pages() {
    let (folder, _server) = dev();
    let disabled = format!("environments disable {}", folder.key("TERRA_DEV_ID"));
    said(&folder, &disabled);
    let lines: Vec<Value> =
        said(&folder, "audit export").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<_> = lines.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert!(lines.iter().all(|entry| entry["mark"].as_str().unwrap().len() == 64));
    assert_eq!(said(&folder, "audit export --after 3"), "");
}

#[test]
fn a_whole_log_is_verified() {
    let (folder, _server) = dev();
    assert_eq!(said(&folder, "audit verify"), "Intact: 2 entries, each in its place\n");
    assert_eq!(folder.json("audit verify")["intact"], true);
}

#[test]
fn a_broken_log_names_its_first_broken_entry() {
    let verdict = json!({ "intact": false, "entries": 41, "broken_at": 42 });
    let url = serve(Router::new().route("/api/v3/admin/audit/verify", get(move || async { Json(verdict) })));
    let folder = Folder::new();
    let answer = run_as(&folder, "admin-token-not-a-secret", &format!("audit verify --server {url}"));
    assert_eq!((answer.code, &*answer.stdout), (1, ""), "{answer}");
    assert!(answer.stderr.starts_with("error: the audit log is broken: entry 42 is missing"), "{answer}");
}
