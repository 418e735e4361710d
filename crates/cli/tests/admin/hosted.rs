//! Key rotation at Terra's hosted API, played by a scripted server.

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::json;
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, run_as, serve};

const KEYS: &str = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";

/// A folder with keys of the hosted API.
fn hosted() -> Folder {
    let folder = Folder::new();
    folder.write(FILE, KEYS);
    folder
}

async fn rotate(Path(dev_id): Path<String>, headers: HeaderMap) -> Response {
    if headers["authorization"] == "Bearer admin-token-not-a-secret" {
        Json(json!({ "dev_id": dev_id, "api_key": "another-key-not-a-secret" })).into_response()
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "unknown token" }))).into_response()
    }
}

fn admin_api() -> String {
    serve(Router::new().route("/api/v3/admin/environments/{dev_id}/api-key/rotate", post(rotate)))
}

#[test]
fn without_rotate_now_the_rotation_is_only_explained() {
    let folder = hosted();
    let answer = folder.run("keys rotate");
    assert_eq!((answer.code, &*answer.stdout), (7, ""), "{answer}");
    for expected in [
        "no overlap",
        "1. Create a data token",
        "2. Switch",
        "3. When",
        "/acme-testing-0000000000/tokens",
        "--rotate-now",
    ] {
        assert!(answer.stderr.contains(expected), "{expected}: {answer}");
    }
    let json = folder.run("keys rotate --output json");
    assert!(json.code == 7 && json.stderr.lines().count() == 1, "{json}");
    assert_eq!(folder.read(FILE), KEYS);
}

#[test]
fn the_key_is_replaced_only_with_rotate_now_and_yes() {
    let (folder, admin) = (hosted(), admin_api());
    let unasked = folder.run(&format!("keys rotate --rotate-now --server {admin}"));
    assert_eq!(unasked.code, 7, "{unasked}");
    let rejected = run_as(&folder, "unknown-token", &format!("keys rotate --rotate-now --yes --server {admin}"));
    assert_eq!(rejected.code, 3, "{rejected}");
    assert_eq!(folder.read(FILE), KEYS);

    let arguments = format!("keys rotate --rotate-now --yes --server {admin}");
    let answer = run_as(&folder, "admin-token-not-a-secret", &arguments);
    let expected = "Wrote the new key ••••cret to .env.terra.testing\nThe old key no longer works\n";
    assert_eq!((answer.code, &*answer.stdout, &*answer.stderr), (0, expected, ""), "{answer}");
    assert_eq!(folder.read(FILE), KEYS.replace("test-key", "another-key"));
}

#[test]
fn the_new_key_can_be_printed_instead() {
    let (folder, admin) = (hosted(), admin_api());
    let arguments = format!("keys rotate --rotate-now --yes --print --server {admin}");
    let answer = run_as(&folder, "admin-token-not-a-secret", &arguments);
    assert_eq!((answer.code, &*answer.stdout), (0, "another-key-not-a-secret\n"), "{answer}");
    assert_eq!(folder.read(FILE), KEYS);
}
