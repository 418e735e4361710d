//! The differences between the responses of providers.

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use terra_auth_sandbox::{ProviderProfile, ResponseFormat};

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, good_exchange, good_refresh, param, text, with};

#[tokio::test]
async fn a_wrapped_response_has_its_result_in_the_body_of_a_200() {
    let (app, face) = (App::start(), &ProviderProfile::WITHINGS);
    let code = app.code(face, &["user.info", "user.metrics"]).await;
    let good = app.exchange(face, &code).await;
    assert_eq!((good.status, &good.json()["status"]), (StatusCode::OK, &json!(0)));
    assert_eq!(good.json()["body"]["scope"], "user.info,user.metrics");
    assert_eq!(good.json()["body"]["userid"], face.account_id("demo"));

    let bad = app.exchange(face, "guessed").await;
    assert_eq!((bad.status, &bad.json()["status"]), (StatusCode::OK, &json!(ResponseFormat::code("invalid_grant"))));
    assert_eq!(bad.json()["body"], json!({}));
    assert_eq!(bad.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_token_call_may_require_an_action() {
    let app = App::start();
    let code = app.code(&ProviderProfile::WITHINGS, &["user.info"]).await;
    let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    for action in [&[][..], &[("action", "revoke")]] {
        let form = [&good_exchange(&code), &client[..], action].concat();
        assert_eq!(app.post("withings/token", &form, None).await.json()["status"], 101, "{action:?}");
    }
    assert_eq!(app.exchange(&ProviderProfile::WITHINGS, &code).await.json()["status"], 0);
}

#[tokio::test]
async fn a_result_code_is_one_of_the_fields() {
    let (app, face) = (App::start(), &ProviderProfile::COROS);
    let tokens = app.connect(face).await;
    assert_eq!((text(&tokens, "result"), text(&tokens, "openId")), ("0000".to_owned(), face.account_id("demo")));

    let bad = app.refresh(face, "guessed").await;
    assert_eq!((bad.status, text(&bad.json(), "result")), (StatusCode::OK, "0103".to_owned()));
}

#[tokio::test]
async fn errors_may_be_a_list() {
    let app = App::start();
    let app_refused = json!({"errorType": "invalid_client", "message": "the client is unknown or its secret is wrong"});
    let dead = json!({"errorType": "invalid_grant", "message": "the refresh token is unknown, revoked or has expired"});
    let unauthenticated = app.post("fitbit/token", &good_refresh("guessed"), None).await;
    assert_eq!(
        (unauthenticated.status, unauthenticated.json()),
        (StatusCode::UNAUTHORIZED, json!({"errors": [app_refused], "success": false}))
    );
    let refused = app.refresh(&ProviderProfile::FITBIT, "guessed").await;
    assert_eq!(
        (refused.status, refused.json()),
        (StatusCode::BAD_REQUEST, json!({"errors": [dead], "success": false}))
    );
}

#[tokio::test]
async fn errors_may_name_the_resource_and_the_field() {
    let app = App::start();
    let fault = |resource, field| json!({"message": "Bad Request", "errors": [{"resource": resource, "field": field, "code": "invalid"}]});
    let (refresh, exchange) = (
        app.refresh(&ProviderProfile::STRAVA, "guessed").await,
        app.exchange(&ProviderProfile::STRAVA, "guessed").await,
    );
    assert_eq!((refresh.status, refresh.json()), (StatusCode::BAD_REQUEST, fault("RefreshToken", "refresh_token")));
    assert_eq!((exchange.status, exchange.json()), (StatusCode::BAD_REQUEST, fault("AuthorizationCode", "code")));
}

#[tokio::test]
async fn refreshes_may_have_a_separate_endpoint() {
    let app = App::start();
    let refresh =
        |token| [good_refresh(token), vec![("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]].concat();
    let token = text(&app.connect(&ProviderProfile::COROS).await, "refresh_token");
    let elsewhere = app.post("coros/token", &refresh(&token), None).await.json();
    assert_eq!(text(&elsewhere, "result"), "0104");
    assert_eq!(text(&app.refresh(&ProviderProfile::COROS, &token).await.json(), "result"), "0000");
    let code_there = app.post("coros/refresh-token?grant_type=authorization_code", &[], None).await.json();
    assert_eq!(text(&code_there, "result"), "0102", "without a client");

    let token = text(&app.connect(&ProviderProfile::OURA).await, "refresh_token");
    assert_eq!(app.post("oura/refresh-token", &refresh(&token), None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn granted_scopes_may_be_in_the_redirect() {
    let app = App::start();
    let redirect = app.decide(&ProviderProfile::STRAVA, "approve", &["read", "activity:read"]).await;
    assert_eq!(param(&redirect, "scope").as_deref(), Some("read,activity:read"));
    let tokens = app.exchange(&ProviderProfile::STRAVA, &param(&redirect, "code").unwrap()).await.json();
    assert_eq!(tokens.get("scope"), None);

    let denied = app.decide(&ProviderProfile::STRAVA, "deny", &["read"]).await;
    assert_eq!(param(&denied, "scope"), None);
}

#[tokio::test]
async fn granted_scopes_may_be_in_no_response() {
    let app = App::start();
    for face in [&ProviderProfile::GARMIN, &ProviderProfile::SUUNTO, &ProviderProfile::COROS] {
        let handle = app.sign_in(face, "unknown-scope", "demo").await;
        let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", face.scopes[0].name)];
        let redirect = app.post(&format!("{}/consent", face.slug), &form, None).await.location();
        assert_eq!(param(&redirect, "scope"), None, "{}", face.slug);
        let tokens = app.exchange(face, &param(&redirect, "code").unwrap()).await.json();
        assert_eq!(tokens.get("scope"), None, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].scopes, [&face.scopes[0]], "the sandbox knows the approved scope");
    }
}

#[tokio::test]
async fn the_account_id_may_be_a_nested_field() {
    let app = App::start();
    for (face, pointer) in [
        (&ProviderProfile::STRAVA, "/athlete/id"),
        (&ProviderProfile::FITBIT, "/user_id"),
        (&ProviderProfile::POLAR, "/x_user_id"),
        (&ProviderProfile::WITHINGS, "/userid"),
        (&ProviderProfile::COROS, "/openId"),
    ] {
        let tokens = app.connect(face).await;
        assert_eq!(tokens.pointer(pointer), Some(&json!(face.account_id("demo"))), "{}", face.slug);
    }
}

#[tokio::test]
async fn the_account_id_may_be_a_claim_of_the_access_token() {
    let (app, face) = (App::start(), &ProviderProfile::SUUNTO);
    let token = text(&app.connect(face).await, "access_token");
    let parts: Vec<_> = token.split('.').collect();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!(claims, json!({"sub": face.account_id("demo"), "exp": 1_893_456_000 + 8 * 3600}));

    assert_eq!(app.data(face, &token).await, 200);
    let forged = [parts[0], parts[1], "signature"].join(".");
    assert_eq!(app.data(face, &forged).await, 401);
}

#[tokio::test]
async fn an_error_in_an_envelope_has_a_number() {
    let app = App::start();
    let good = good_exchange("any");
    for (form, code) in [
        (with(&good, "grant_type", "password"), 104),
        (with(&good, "grant_type", ""), 101),
        (with(&good, "code", ""), 101),
    ] {
        assert_eq!(app.token(&ProviderProfile::WITHINGS, &form).await.json()["status"], code, "{form:?}");
    }
    let token = text(&app.connect(&ProviderProfile::WITHINGS).await, "refresh_token");
    let unknown = with(&good_refresh(&token), "scope", "root");
    assert_eq!(app.token(&ProviderProfile::WITHINGS, &unknown).await.json()["status"], 105);
}
