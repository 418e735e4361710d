//! The provider apps of an environment.

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::{dev, run_as, serve, stdout_of};

#[test]
fn the_server_checks_an_app_at_its_provider() {
    let (folder, _server) = dev();
    folder.write("secret", "another-value-not-a-secret\n");
    stdout_of(&folder, "providers app set OURA --client-id acme --secret-file secret");
    let check = folder.run("providers app check --output json");
    let json: Value = serde_json::from_str(&check.stdout).unwrap();

    assert_eq!((check.code, &json["apps"][0]["secrets"][0]["verdict"]), (3, &json!("refused")), "{check}");
    assert!(!check.to_string().contains("not-a-secret"), "{check}");
    assert_eq!(folder.run("providers app check GARMIN").code, 4);
    let audit = stdout_of(&folder, "audit list");
    assert!(audit.contains("provider_app.check"), "{audit}");
}

/// The scripted check of an app: OURA and GARMIN rotate their secret, WHOOP is unreachable.
async fn check(Path((_, provider)): Path<(String, String)>) -> Json<Value> {
    let secret = |hint: &str, until: Option<&str>, verdict: &str, why: &str| json!({ "hint": hint, "until": until, "verdict": verdict, "why": why });
    let refused = secret("new1", None, "refused", "the provider refuses the app: invalid_client");
    let known = |hint, until| secret(hint, until, "known", "the provider knows the app");
    let secrets = match provider.as_str() {
        "OURA" => json!([refused, known("old1", Some("2030-01-01T00:00:00Z"))]),
        "GARMIN" => json!([known("new2", None), secret("old2", Some("2030-01-01T00:00:00Z"), "refused", "no")]),
        _ => json!([secret("new3", None, "unreachable", "the provider cannot be reached")]),
    };
    Json(json!({ "provider": provider, "client_id": "acme", "secrets": secrets }))
}

async fn apps() -> Json<Value> {
    let app = |provider: &str| {
        json!({ "provider": provider, "client_id": "acme", "hint": "", "headers": [], "previous_hint": null,
            "created_at": "2030-01-01T00:00:00Z", "changed_at": "2030-01-01T00:00:00Z", "last_used_at": null, "previous_until": null })
    };
    let apps = ["GARMIN", "OURA", "WHOOP"].map(app);
    Json(json!({ "apps": apps }))
}

#[test]
fn both_secrets_are_shown_and_only_the_newest_decides_the_exit_code() {
    let base = "/api/v3/admin/environments/{dev_id}/provider-apps";
    let routes = Router::new().route(base, get(apps)).route(&format!("{base}/{{provider}}/check"), post(check));
    let (folder, server) = (Folder::new(), serve(routes));
    let run = |names: &str| {
        let command = format!("providers app check {names} --dev-id acme-testing-0000000000 --server {server}");
        run_as(&folder, "admin-token-not-a-secret", &command)
    };
    assert_snapshot!(run(""), @"
    exit 3
    PROVIDER  CLIENT ID  SECRET    STATE                       APP          REASON
    GARMIN    acme       ••••new2  newest                      known        the provider knows the app
    GARMIN    acme       ••••old2  until 2030-01-01 00:00 UTC  refused      no
    OURA      acme       ••••new1  newest                      refused      the provider refuses the app: invalid_client
    OURA      acme       ••••old1  until 2030-01-01 00:00 UTC  known        the provider knows the app
    WHOOP     acme       ••••new3  newest                      unreachable  the provider cannot be reached
    --- stderr
    error: rejected: OURA
    next: compare client id, secret and profile with the provider's developer page
    ");
    assert_eq!(run("GARMIN").code, 0, "a secret that is being replaced may be rejected");
    let unreachable = run("GARMIN WHOOP");
    assert!(unreachable.code == 5 && unreachable.stderr.contains("unreachable: WHOOP"), "{unreachable}");
}
