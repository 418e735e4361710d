//! End users who come back, in an environment that keeps their user ids.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use terra_auth_types::wire::admin::{ChangeEnvironment, Role};

use crate::support::{Decision, TestApp, query};

async fn keeping() -> TestApp {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { keep_user_id: Some(true), ..ChangeEnvironment::default() }).await;
    app
}

async fn kinds(app: &TestApp) -> Vec<Value> {
    app.events().await.iter().map(|event| event["type"].clone()).collect()
}

async fn user(app: &TestApp, user_id: &str) -> Value {
    app.get(&format!("/v2/userInfo?user_id={user_id}")).await.json()["user"].clone()
}

/// A login of alice at Fitbit that may leave something out; answers with her user id.
async fn login(app: &TestApp, decision: Decision) -> String {
    let session = app.session(json!({"providers": "FITBIT", "reference_id": "alice"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", decision).await;
    query(&app.page(&back, &cookies).await.location(), "user_id").unwrap()
}

#[tokio::test]
async fn a_returning_user_keeps_the_user_id() {
    let app = keeping().await;
    let first = login(&app, Decision::Approve).await;
    let before = user(&app, &first).await;
    app.clock.advance(jiff::SignedDuration::from_hours(24));
    let again = login(&app, Decision::Approve).await;
    let events = app.events().await;

    assert_eq!(first, again);
    assert_eq!(kinds(&app).await, ["auth", "auth"]);
    assert_eq!((&events[1]["user"]["user_id"], &events[1]["user"]["active"]), (&json!(first), &json!(true)));
    assert_eq!(user(&app, &first).await, before, "age and scopes are the same");
    assert_eq!(app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len(), 1);
    assert_eq!(app.auth.waiting().await.unwrap().1, 0, "a revocation could end the new grant too");
}

#[tokio::test]
async fn the_previous_grant_is_revoked_if_no_connection_uses_it() {
    let fitbit = r#"[[provider]]
        provider = "FITBIT"
        name = "Fitbit"
        types = []
        [provider.login]
        authorize_url = "{base}/fitbit/authorize"
        token_url = "{base}/fitbit/token"
        client_auth = "basic"
        scopes = ["sleep"]
        identity = { field = "user_id" }
        revoke = { url = "{base}/fitbit/revoke", client_auth = "basic", ends = "grant" }"#;
    let app = TestApp::start_with_recipes(fitbit).await;
    app.change(ChangeEnvironment { keep_user_id: Some(true), ..ChangeEnvironment::default() }).await;
    let first = login(&app, Decision::Approve).await;
    assert_eq!((login(&app, Decision::Approve).await, app.auth.waiting().await.unwrap().1), (first, 1));
}

#[tokio::test]
async fn other_scopes_keep_the_user_id_and_the_app_gets_the_change() {
    let app = keeping().await;
    let first = login(&app, Decision::Without("sleep")).await;
    let again = login(&app, Decision::Without("activity")).await;
    let events = app.events().await;

    assert_eq!(first, again);
    assert_eq!(kinds(&app).await, ["auth", "auth", "permission_change"]);
    let change = &events[2];
    assert_eq!((&change["scopes_added"], &change["scopes_removed"]), (&json!("sleep"), &json!("activity")));
    assert_eq!(
        (&change["status"], &change["message"]),
        (&json!("warning"), &json!("User permissions have been modified"))
    );
    assert_eq!((&change["user"]["user_id"], &change["user"]["scopes"]), (&json!(first), &events[1]["user"]["scopes"]));
}

#[tokio::test]
async fn another_account_or_reference_id_is_another_user() {
    let app = keeping().await;
    let first = app.connected_account("FITBIT", "alice", "one").await;
    for (reference_id, account) in [("alice", "two"), ("bob", "one")] {
        assert_ne!(app.connected_account("FITBIT", reference_id, account).await, first);
    }
    assert_eq!(app.connected_account("FITBIT", "alice", "one").await, first);
    assert_eq!(kinds(&app).await, ["auth"; 4]);
    app.delete(&format!("/v2/auth/deauthenticateUser?user_id={first}")).await;
    assert_ne!(app.connected_account("FITBIT", "alice", "one").await, first, "who left begins anew");
}

#[tokio::test]
async fn a_user_without_a_reference_id_is_recognized_by_the_account() {
    let app = keeping().await;
    let log_in = async |account: &str| {
        let session = app.session(json!({"providers": "FITBIT"})).await;
        let (back, cookies) = app.at_provider(&session, account, Decision::Approve).await;
        query(&app.page(&back, &cookies).await.location(), "user_id").unwrap()
    };
    let first = log_in("one").await;
    assert_eq!(log_in("one").await, first);
    assert_ne!(log_in("two").await, first);
}

#[tokio::test]
async fn the_reserved_id_of_a_link_is_dropped_for_an_existing_user() {
    let app = keeping().await;
    let first = login(&app, Decision::Approve).await;
    let link = app.post_nothing("/v2/auth/authenticateUser?resource=FITBIT&reference_id=alice").await.json();
    let page = link["auth_url"].as_str().unwrap().trim_start_matches(crate::support::WIDGET);
    let (back, cookies) = app.at_provider(page, "demo", Decision::Approve).await;
    let end = app.page(&back, &cookies).await.location();

    assert_eq!(query(&end, "user_id").as_ref(), Some(&first));
    let promised = link["user_id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v2/userInfo?user_id={promised}")).await.status, 404);
}

#[tokio::test]
async fn a_new_device_gets_the_user_id_of_the_old_one() {
    let app = keeping().await;
    let redeem = async |device: &str| {
        let token = app.post_nothing("/v2/auth/tokens?reference_id=alice").await.json()["token"].clone();
        let path = format!("/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier={device}");
        let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
        let request = request.header("authorization", format!("Bearer {}", token.as_str().unwrap()));
        app.send(request.body(Body::empty()).unwrap()).await.json()["user_id"].clone()
    };
    let first = redeem("phone-1").await;

    assert_eq!((redeem("phone-2").await, redeem("phone-2").await), (first.clone(), first));
    assert_eq!(kinds(&app).await, ["auth", "auth"], "the same device is no news");
}

#[tokio::test]
async fn keeping_ids_is_a_setting_that_is_shown_and_written_down() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let path = format!("/environments/{}", app.keys.dev_id);
    assert_eq!(app.admin(&token, "GET", &path, Value::Null).await.json()["keep_user_id"], false);
    assert_eq!(app.admin(&token, "PATCH", &path, json!({"keep_user_id": "yes"})).await.status, 400);
    app.admin(&token, "PATCH", &path, json!({"keep_user_id": true})).await;
    app.admin(&token, "PATCH", &path, json!({"name": "Renamed"})).await;

    let listed = app.admin(&token, "GET", "/environments", Value::Null).await.json();
    assert_eq!(listed["environments"][0]["keep_user_id"], true);
    let audit = app.admin(&token, "GET", "/audit", Value::Null).await.json();
    let changes = audit["entries"].as_array().unwrap().iter().filter(|line| line["action"] == "environment.change");
    assert_eq!(changes.count(), 2);
}
