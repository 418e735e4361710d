//! Apps of an environment's own at the providers.

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Portal, ProviderProfile};
use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, Decision, TestApp, query};

/// The sandbox knows this app, and no other.
const RIGHT: &str = "not-a-secret";
const WRONG: &str = "another-value-not-a-secret";

fn apps(app: &TestApp) -> String {
    format!("/environments/{}/provider-apps", app.keys.dev_id)
}

fn oura(app: &TestApp) -> String {
    format!("{}/OURA", apps(app))
}

async fn set(app: &TestApp, token: &str, secret: &str) -> Answer {
    app.admin(token, "PUT", &oura(app), json!({"client_id": "tests", "client_secret": secret})).await
}

/// Where a login at Oura ends: connected, or why not.
pub(crate) async fn outcome(app: &TestApp) -> String {
    let body =
        json!({"providers": "OURA", "reference_id": "alice", "auth_failure_redirect_url": "com.acme.app://failed"});
    let session = app.session(body).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    let end = app.page(&back, &cookies).await.location();
    query(&end, "reason").unwrap_or_else(|| "connected".to_owned())
}

#[tokio::test]
async fn the_app_of_an_environment_overrides_the_servers_app() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    assert_eq!(outcome(&app).await, "connected");
    assert_eq!(set(&app, &token, WRONG).await.status, 200);
    assert_eq!(outcome(&app).await, "app_refused");
    assert_eq!(app.admin(&token, "DELETE", &oura(&app), Value::Null).await.status, 204);
    assert_eq!(outcome(&app).await, "connected");
}

#[tokio::test]
async fn a_new_secret_that_the_provider_does_not_know_yet_falls_back_to_the_old_one() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    set(&app, &token, RIGHT).await;
    let rotate = format!("{}/rotate", oura(&app));
    let rotated = app.admin(&token, "POST", &rotate, json!({"client_secret": WRONG, "overlap_s": 3600})).await;

    assert_eq!(rotated.json()["hint"], "cret");
    assert_eq!(outcome(&app).await, "connected");
    app.clock.advance(SignedDuration::from_secs(3600));
    assert_eq!(outcome(&app).await, "app_refused", "the old one is forgotten");
}

#[tokio::test]
async fn a_secret_that_leaked_is_forgotten_at_once() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    set(&app, &token, RIGHT).await;
    let rotate = format!("{}/rotate", oura(&app));
    app.admin(&token, "POST", &rotate, json!({"client_secret": WRONG, "now": true})).await;
    assert_eq!(outcome(&app).await, "app_refused");
}

#[tokio::test]
async fn a_rotation_without_headers_does_not_change_them() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let new = json!({"client_id": "tests", "client_secret": WRONG, "headers": {"X-Key": "key-not-a-secret"}});
    app.admin(&token, "PUT", &oura(&app), new).await;
    let rotate = format!("{}/rotate", oura(&app));
    let kept = app.admin(&token, "POST", &rotate, json!({"client_secret": RIGHT})).await.json();
    let replaced =
        app.admin(&token, "POST", &rotate, json!({"client_secret": RIGHT, "headers": {"X-Other": "x"}})).await.json();
    assert_eq!((&kept["headers"], &replaced["headers"]), (&json!(["X-Key"]), &json!(["X-Other"])));
    assert_eq!(outcome(&app).await, "connected");
}

#[tokio::test]
async fn apps_are_shown_without_their_secrets_and_with_their_last_use() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let new = json!({
        "client_id": "tests", "client_secret": "a-long-value-not-a-secret",
        "headers": {"Ocp-Apim-Subscription-Key": "key-not-a-secret"},
    });
    let before = app.admin(&token, "PUT", &oura(&app), new).await;
    outcome(&app).await;
    let listed = app.admin(&token, "GET", &apps(&app), Value::Null).await;

    assert_eq!((before.json()["last_used_at"].clone(), before.json()["hint"].clone()), (Value::Null, json!("cret")));
    assert!(!before.text.contains("not-a-secret") && !listed.text.contains("not-a-secret"), "{}", listed.text);
    assert_eq!(
        listed.json()["apps"],
        json!([{
            "provider": "OURA", "client_id": "tests", "hint": "cret", "headers": ["Ocp-Apim-Subscription-Key"],
            "created_at": "2030-01-01T00:00:00Z", "changed_at": "2030-01-01T00:00:00Z",
            "last_used_at": "2030-01-01T00:00:00Z", "previous_hint": null, "previous_until": null,
        }])
    );
}

#[tokio::test]
async fn setting_an_app_is_written_down_and_needs_an_operator() {
    let app = TestApp::start().await;
    let (operator, reader) = (app.token(Role::Operator).await, app.token(Role::ReadOnly).await);
    let refused = set(&app, &reader, RIGHT).await;
    set(&app, &operator, RIGHT).await;
    let audit = app.admin(&operator, "GET", "/audit", Value::Null).await.json();
    let lines: Vec<_> = audit["entries"].as_array().unwrap().iter().filter(|line| line["target"] == "OURA").collect();

    assert_eq!(refused.status, 403);
    let told: Vec<_> = lines.iter().map(|line| (line["action"].clone(), line["allowed"].clone())).collect();
    assert_eq!(told, [(json!("provider_app.set"), json!(false)), (json!("provider_app.set"), json!(true))]);
}

#[tokio::test]
async fn an_invalid_app_is_rejected() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let good = json!({"client_id": "tests", "client_secret": RIGHT});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for body in [
        with("client_id", json!("")),
        with("client_secret", json!("two\nlines")),
        with("headers", json!({"Authorization": "x"})),
        with("headers", json!({"X-Key": ""})),
        with("more", json!(1)),
    ] {
        assert_eq!(app.admin(&token, "PUT", &oura(&app), body.clone()).await.status, 400, "{body}");
    }
    for (method, path) in [
        ("PUT", format!("{}/NO_USER", apps(&app))),
        ("PUT", format!("{}/APPLE", apps(&app))),
        ("PUT", "/environments/nobody/provider-apps/OURA".to_owned()),
        ("DELETE", oura(&app)),
    ] {
        assert_eq!(app.admin(&token, method, &path, good.clone()).await.status, 404, "{method} {path}");
    }
    let rotate = format!("{}/rotate", oura(&app));
    assert_eq!(app.admin(&token, "POST", &rotate, json!({"client_secret": RIGHT})).await.status, 404);
}

#[tokio::test]
async fn an_app_belongs_to_one_environment() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let other = app.another().await;
    let path = format!("/environments/{}/provider-apps/OURA", other.dev_id);
    app.admin(&token, "PUT", &path, json!({"client_id": "tests", "client_secret": WRONG})).await;
    assert_eq!(outcome(&app).await, "connected");
}

async fn check(app: &TestApp, token: &str) -> Answer {
    app.admin(token, "POST", &format!("{}/check", oura(app)), Value::Null).await
}

#[tokio::test]
async fn the_check_of_an_app_asks_the_provider() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    set(&app, &token, RIGHT).await;
    assert_eq!(
        check(&app, &token).await.json(),
        json!({"provider": "OURA", "client_id": "tests", "secrets": [
            {"hint": "", "until": null, "verdict": "known", "why": "the provider knows the app"}
        ]})
    );
    set(&app, &token, WRONG).await;
    let refused = check(&app, &token).await.json();
    assert_eq!(refused["secrets"][0]["verdict"], "refused");
    assert_eq!(refused["secrets"][0]["why"], "the provider refuses the app: invalid_client");
    let listed = app.admin(&token, "GET", &apps(&app), Value::Null).await.json();
    assert_eq!(listed["apps"][0]["last_used_at"], Value::Null, "to ask is not to use");
}

#[tokio::test]
async fn while_one_secret_replaces_another_both_are_checked() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    set(&app, &token, RIGHT).await;
    let rotate = format!("{}/rotate", oura(&app));
    app.admin(&token, "POST", &rotate, json!({"client_secret": WRONG, "overlap_s": 3600})).await;
    let verdicts = async || {
        let secrets = check(&app, &token).await.json()["secrets"].clone();
        let each = secrets.as_array().unwrap().iter();
        each.map(|secret| (secret["verdict"].clone(), secret["until"].clone())).collect::<Vec<_>>()
    };

    let (newest, previous) = ((json!("refused"), Value::Null), (json!("known"), json!("2030-01-01T01:00:00Z")));
    assert_eq!(verdicts().await, [newest.clone(), previous]);
    app.clock.advance(SignedDuration::from_secs(3600));
    assert_eq!(verdicts().await, [newest], "the old one is forgotten");
}

#[tokio::test]
async fn an_unreachable_provider_leaves_an_app_unverified() {
    let nowhere = r#"[[provider]]
        provider = "OURA"
        name = "Oura"
        types = []
        [provider.login]
        authorize_url = "http://127.0.0.1:1/authorize"
        token_url = "http://127.0.0.1:1/token"
        client_auth = "basic"
        identity = { field = "user_id" }"#;
    let app = TestApp::start_with_recipes(nowhere).await;
    let token = app.token(Role::Operator).await;
    set(&app, &token, RIGHT).await;
    let answer = check(&app, &token).await;
    assert_eq!(answer.json()["secrets"][0]["verdict"], "unreachable");
    assert!(!answer.text.contains(RIGHT), "{}", answer.text);
}

#[tokio::test]
async fn checking_an_app_is_written_down_and_needs_an_operator() {
    let app = TestApp::start().await;
    let (operator, reader) = (app.token(Role::Operator).await, app.token(Role::ReadOnly).await);
    assert_eq!(check(&app, &operator).await.refusal().0, 404, "there is none of its own");
    set(&app, &operator, RIGHT).await;
    assert_eq!((check(&app, &reader).await.status.as_u16(), check(&app, &operator).await.status.as_u16()), (403, 200));

    let audit = app.admin(&operator, "GET", "/audit", Value::Null).await.json();
    let lines = audit["entries"].as_array().unwrap().iter().filter(|line| line["action"] == "provider_app.check");
    assert_eq!(lines.map(|line| line["allowed"].clone()).collect::<Vec<_>>(), [json!(false), json!(true)]);
}

#[tokio::test]
async fn the_profile_of_an_app_survives_a_new_secret() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let with = |profile: &str| json!({"client_id": "tests", "client_secret": RIGHT, "profile": profile});
    let unknown = app.admin(&token, "PUT", &oura(&app), with("nosuch")).await;
    assert_eq!(unknown.status, 400);
    assert!(
        unknown.problem().1.starts_with("invalid profile: the recipe of this provider has no such profile"),
        "{unknown:?}"
    );

    app.sandbox.set_portal(&ProviderProfile::OURA, Portal::Second);
    set(&app, &token, RIGHT).await;
    assert_eq!(outcome(&app).await, "invalid_request", "the endpoint of the other portal refuses it");
    let why = check(&app, &token).await.json()["secrets"][0]["why"].clone();
    assert!(why.as_str().unwrap().contains("only with the profile `developer_portal`"), "{why}");

    assert_eq!(app.admin(&token, "PUT", &oura(&app), with("developer_portal")).await.status, 200);
    assert_eq!(outcome(&app).await, "connected");
    let rotate = format!("{}/rotate", oura(&app));
    let rotated = app.admin(&token, "POST", &rotate, json!({"client_secret": RIGHT})).await.json();
    assert_eq!(rotated["profile"], "developer_portal");
    assert_eq!(outcome(&app).await, "connected");
    set(&app, &token, RIGHT).await;
    let listed = app.admin(&token, "GET", &apps(&app), Value::Null).await.json();
    assert_eq!(listed["apps"][0].get("profile"), None, "an app that is set without one has none");
}
