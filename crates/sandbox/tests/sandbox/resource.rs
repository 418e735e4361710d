//! What an access token is for, and who may look at it.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use axum::http::{Method, Request, StatusCode};
use serde_json::json;
use terra_auth_sandbox::{Face, Fault, SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER, faces};

use crate::app::{App, text};

#[tokio::test]
async fn data_needs_a_live_access_token_at_every_face() {
    for face in faces().iter().filter(|face| !face.registration) {
        let app = App::start();
        let token = text(&app.connect(face).await, "access_token");
        assert_eq!(app.data(face, &token).await, 200, "{}", face.slug);
        assert_eq!(app.data(face, "guessed").await, 401, "{}", face.slug);
        app.pass(8 * 3600);
        assert_eq!(app.data(face, &token).await, 401, "{}", face.slug);

        let token = text(&app.connect(face).await, "access_token");
        app.sandbox.revoke_account(face, "demo");
        assert_eq!(app.data(face, &token).await, 401, "{}", face.slug);
    }
}

#[tokio::test]
async fn data_says_whose_it_is() {
    let app = App::start();
    let token = format!("Bearer {}", text(&app.connect(&Face::OURA).await, "access_token"));
    let answer = app.get("oura/data", Some(&token)).await.json();
    assert_eq!(answer, json!({"account": Face::OURA.account_id("demo"), "steps": 6000}));
}

#[tokio::test]
async fn data_may_need_a_subscription_key_as_well() {
    let (app, face) = (App::start(), &Face::SUUNTO);
    let bearer = format!("Bearer {}", text(&app.connect(face).await, "access_token"));
    for (key, status) in [("", 401), ("guessed", 401), (SUBSCRIPTION_KEY, 200)] {
        let headers = [("authorization", bearer.as_str()), (SUBSCRIPTION_KEY_HEADER, key)];
        assert_eq!(app.bare(Method::GET, "suunto/data", &headers).await.status.as_u16(), status, "{key}");
    }
    assert_eq!(app.get("suunto/data", Some(&bearer)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.userinfo(face, bearer.trim_start_matches("Bearer ")).await.status, StatusCode::OK);
}

async fn register(app: &App, slug: &str, token: &str, body: &str) -> (u16, String) {
    let request = Request::post(format!("/sandbox/{slug}/users"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let answer = app.call(request.body(body.to_owned().into()).unwrap()).await;
    (answer.status.as_u16(), answer.text)
}

#[tokio::test]
async fn there_may_be_no_data_before_the_account_is_registered() {
    let (app, face) = (App::start(), &Face::POLAR);
    let token = text(&app.connect(face).await, "access_token");
    let member = r#"{"member-id":"user_1"}"#;
    assert_eq!(app.data(face, &token).await, 403);
    assert_eq!(register(&app, "polar", "guessed", member).await.0, 401);
    assert_eq!(register(&app, "polar", &token, "{}").await.0, 422);
    assert_eq!(app.data(face, &token).await, 403);

    let registered = format!(r#"{{"account-id":"{}","member-id":"user_1"}}"#, face.account_id("demo"));
    assert_eq!(register(&app, "polar", &token, member).await, (200, registered));
    assert_eq!(app.data(face, &token).await, 200);
    assert_eq!(register(&app, "polar", &token, member).await.0, 409);
}

#[tokio::test]
async fn a_registration_outlives_a_grant_and_ends_with_the_deregistration() {
    let (app, face) = (App::start(), &Face::POLAR);
    let token = text(&app.connect(face).await, "access_token");
    register(&app, "polar", &token, r#"{"member-id":"user_1"}"#).await;
    app.sandbox.revoke_account(face, "demo");
    let token = text(&app.connect(face).await, "access_token");
    assert_eq!(app.data(face, &token).await, 200);

    let bearer = format!("Bearer {token}");
    let path = format!("polar/users/{}", face.account_id("demo"));
    app.bare(Method::DELETE, &path, &[("authorization", &bearer)]).await;
    let token = text(&app.connect(face).await, "access_token");
    assert_eq!(app.data(face, &token).await, 403);
    assert_eq!(register(&app, "polar", &token, r#"{"member-id":"user_1"}"#).await.0, 200);
}

#[tokio::test]
async fn other_faces_register_nobody() {
    let app = App::start();
    let token = text(&app.connect(&Face::OURA).await, "access_token");
    assert_eq!(register(&app, "oura", &token, r#"{"member-id":"user_1"}"#).await.0, 404);
    let path = format!("oura/users/{}", Face::OURA.account_id("demo"));
    let bearer = format!("Bearer {token}");
    assert_eq!(app.bare(Method::DELETE, &path, &[("authorization", &bearer)]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.data(&Face::OURA, &token).await, 200);
}

#[tokio::test]
async fn introspection_tells_what_a_token_is_until_it_dies() {
    let (app, face) = (App::start(), &Face::STRAVA);
    let tokens = app.connect(face).await;
    let (access_token, refresh_token) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let scope = face.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ");
    let account = face.account_id("demo");
    let expected = json!({
        "active": true, "sub": account, "scope": scope, "token_type": "Bearer", "exp": 1_893_456_000 + 8 * 3600,
    });
    assert_eq!(app.look(face, &access_token).await, expected);
    assert_eq!(app.look(face, &refresh_token).await, json!({"active": true, "sub": account, "scope": scope}));
    assert_eq!(app.look(&Face::OURA, &access_token).await, json!({"active": false}));
    assert_eq!(app.look(face, "guessed").await, json!({"active": false}));

    app.pass(8 * 3600 - 1);
    assert!(app.lives(face, &access_token).await);
    app.pass(1);
    assert!(!app.lives(face, &access_token).await && app.lives(face, &refresh_token).await);
    app.refresh(face, &refresh_token).await;
    assert!(!app.lives(face, &refresh_token).await, "it is spent");
}

#[tokio::test]
async fn introspection_needs_the_client_and_meets_no_fault() {
    let app = App::start();
    let token = text(&app.connect(&Face::OURA).await, "access_token");
    app.sandbox.set_fault(&Face::OURA, Some(Fault::ServerError));
    assert!(app.lives(&Face::OURA, &token).await);
    let stranger = app.post("oura/introspect", &[("token", &token)], None).await;
    assert_eq!(stranger.refusal(), (401, "invalid_client".to_owned()));
}
