//! Data calls, registration and introspection.
#![expect(clippy::unwrap_used, reason = "a failing helper must fail its test")]

use axum::http::{Method, Request, StatusCode};
use serde_json::json;
use terra_auth_sandbox::{Fault, ProviderProfile, SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER, provider_profiles};

use crate::app::{App, text};

#[tokio::test]
async fn data_needs_a_valid_access_token_at_every_provider() {
    for face in provider_profiles().iter().filter(|face| !face.requires_registration) {
        let app = App::start();
        let token = text(&app.connect(face).await, "access_token");
        assert_eq!(app.data(face, &token).await, 200, "{}", face.slug);
        assert_eq!(app.data(face, "guessed").await, 401, "{}", face.slug);
        app.advance_clock(8 * 3600);
        assert_eq!(app.data(face, &token).await, 401, "{}", face.slug);

        let token = text(&app.connect(face).await, "access_token");
        app.sandbox.revoke_account(face, "demo");
        assert_eq!(app.data(face, &token).await, 401, "{}", face.slug);
    }
}

#[tokio::test]
async fn data_names_its_account() {
    let app = App::start();
    let token = format!("Bearer {}", text(&app.connect(&ProviderProfile::OURA).await, "access_token"));
    let answer = app.get("oura/data", Some(&token)).await.json();
    assert_eq!(answer, json!({"account": ProviderProfile::OURA.account_id("demo"), "steps": 6000}));
}

#[tokio::test]
async fn data_may_also_need_a_subscription_key() {
    let (app, face) = (App::start(), &ProviderProfile::SUUNTO);
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
async fn data_may_need_a_registered_account() {
    let (app, face) = (App::start(), &ProviderProfile::POLAR);
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
async fn a_registration_survives_a_revoked_grant_until_the_deregistration() {
    let (app, face) = (App::start(), &ProviderProfile::POLAR);
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
async fn other_providers_have_no_registration() {
    let app = App::start();
    let token = text(&app.connect(&ProviderProfile::OURA).await, "access_token");
    assert_eq!(register(&app, "oura", &token, r#"{"member-id":"user_1"}"#).await.0, 404);
    let path = format!("oura/users/{}", ProviderProfile::OURA.account_id("demo"));
    let bearer = format!("Bearer {token}");
    assert_eq!(app.bare(Method::DELETE, &path, &[("authorization", &bearer)]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.data(&ProviderProfile::OURA, &token).await, 200);
}

#[tokio::test]
async fn introspection_describes_a_token_until_it_is_invalid() {
    let (app, face) = (App::start(), &ProviderProfile::STRAVA);
    let tokens = app.connect(face).await;
    let (access_token, refresh_token) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let scope = face.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ");
    let account = face.account_id("demo");
    let expected = json!({
        "active": true, "sub": account, "scope": scope, "token_type": "Bearer", "exp": 1_893_456_000 + 8 * 3600,
    });
    assert_eq!(app.introspect(face, &access_token).await, expected);
    assert_eq!(app.introspect(face, &refresh_token).await, json!({"active": true, "sub": account, "scope": scope}));
    assert_eq!(app.introspect(&ProviderProfile::OURA, &access_token).await, json!({"active": false}));
    assert_eq!(app.introspect(face, "guessed").await, json!({"active": false}));

    app.advance_clock(8 * 3600 - 1);
    assert!(app.is_active(face, &access_token).await);
    app.advance_clock(1);
    assert!(!app.is_active(face, &access_token).await && app.is_active(face, &refresh_token).await);
    app.refresh(face, &refresh_token).await;
    assert!(!app.is_active(face, &refresh_token).await, "it is spent");
}

#[tokio::test]
async fn introspection_needs_the_client_and_ignores_faults() {
    let app = App::start();
    let token = text(&app.connect(&ProviderProfile::OURA).await, "access_token");
    app.sandbox.set_fault(&ProviderProfile::OURA, Some(Fault::ServerError));
    assert!(app.is_active(&ProviderProfile::OURA, &token).await);
    let unauthenticated = app.post("oura/introspect", &[("token", &token)], None).await;
    assert_eq!(unauthenticated.oauth_error(), (401, "invalid_client".to_owned()));
}
