//! How answers differ from one face to the next.

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use terra_auth_sandbox::{Envelope, Face};

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, good_exchange, good_refresh, param, text, with};

#[tokio::test]
async fn a_wrapped_answer_tells_in_a_200_how_it_went() {
    let (app, face) = (App::start(), &Face::WITHINGS);
    let code = app.code(face, &["user.info", "user.metrics"]).await;
    let good = app.exchange(face, &code).await;
    assert_eq!((good.status, &good.json()["status"]), (StatusCode::OK, &json!(0)));
    assert_eq!(good.json()["body"]["scope"], "user.info,user.metrics");
    assert_eq!(good.json()["body"]["userid"], face.account_id("demo"));

    let bad = app.exchange(face, "guessed").await;
    assert_eq!((bad.status, &bad.json()["status"]), (StatusCode::OK, &json!(Envelope::code("invalid_grant"))));
    assert_eq!(bad.json()["body"], json!({}));
    assert_eq!(bad.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_token_call_may_have_to_say_what_it_wants() {
    let app = App::start();
    let code = app.code(&Face::WITHINGS, &["user.info"]).await;
    let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    for action in [&[][..], &[("action", "revoke")]] {
        let form = [&good_exchange(&code), &client[..], action].concat();
        assert_eq!(app.post("withings/token", &form, None).await.json()["status"], 101, "{action:?}");
    }
    assert_eq!(app.exchange(&Face::WITHINGS, &code).await.json()["status"], 0);
}

#[tokio::test]
async fn a_result_code_is_among_the_fields() {
    let (app, face) = (App::start(), &Face::COROS);
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
    let nobody = app.post("fitbit/token", &good_refresh("guessed"), None).await;
    assert_eq!(
        (nobody.status, nobody.json()),
        (StatusCode::UNAUTHORIZED, json!({"errors": [app_refused], "success": false}))
    );
    let refused = app.refresh(&Face::FITBIT, "guessed").await;
    assert_eq!(
        (refused.status, refused.json()),
        (StatusCode::BAD_REQUEST, json!({"errors": [dead], "success": false}))
    );
}

#[tokio::test]
async fn errors_may_say_what_they_are_about() {
    let app = App::start();
    let fault = |resource, field| json!({"message": "Bad Request", "errors": [{"resource": resource, "field": field, "code": "invalid"}]});
    let (refresh, exchange) =
        (app.refresh(&Face::STRAVA, "guessed").await, app.exchange(&Face::STRAVA, "guessed").await);
    assert_eq!((refresh.status, refresh.json()), (StatusCode::BAD_REQUEST, fault("RefreshToken", "refresh_token")));
    assert_eq!((exchange.status, exchange.json()), (StatusCode::BAD_REQUEST, fault("AuthorizationCode", "code")));
}

#[tokio::test]
async fn refreshes_may_have_an_address_of_their_own() {
    let app = App::start();
    let refresh =
        |token| [good_refresh(token), vec![("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]].concat();
    let token = text(&app.connect(&Face::COROS).await, "refresh_token");
    let elsewhere = app.post("coros/token", &refresh(&token), None).await.json();
    assert_eq!(text(&elsewhere, "result"), "0104");
    assert_eq!(text(&app.refresh(&Face::COROS, &token).await.json(), "result"), "0000");
    let code_there = app.post("coros/refresh-token?grant_type=authorization_code", &[], None).await.json();
    assert_eq!(text(&code_there, "result"), "0102", "without a client");

    let token = text(&app.connect(&Face::OURA).await, "refresh_token");
    assert_eq!(app.post("oura/refresh-token", &refresh(&token), None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn granted_scopes_may_be_in_the_redirect() {
    let app = App::start();
    let redirect = app.decide(&Face::STRAVA, "approve", &["read", "activity:read"]).await;
    assert_eq!(param(&redirect, "scope").as_deref(), Some("read,activity:read"));
    let tokens = app.exchange(&Face::STRAVA, &param(&redirect, "code").unwrap()).await.json();
    assert_eq!(tokens.get("scope"), None);

    let denied = app.decide(&Face::STRAVA, "deny", &["read"]).await;
    assert_eq!(param(&denied, "scope"), None);
}

#[tokio::test]
async fn scopes_may_be_told_to_nobody() {
    let app = App::start();
    for face in [&Face::GARMIN, &Face::SUUNTO, &Face::COROS] {
        let handle = app.sign_in(face, "what garmin never heard of", "demo").await;
        let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", face.scopes[0].name)];
        let redirect = app.post(&format!("{}/consent", face.slug), &form, None).await.location();
        assert_eq!(param(&redirect, "scope"), None, "{}", face.slug);
        let tokens = app.exchange(face, &param(&redirect, "code").unwrap()).await.json();
        assert_eq!(tokens.get("scope"), None, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].scopes, [&face.scopes[0]], "the person knows");
    }
}

#[tokio::test]
async fn whose_account_it_is_may_lie_deeper_in_the_answer() {
    let app = App::start();
    for (face, pointer) in [
        (&Face::STRAVA, "/athlete/id"),
        (&Face::FITBIT, "/user_id"),
        (&Face::POLAR, "/x_user_id"),
        (&Face::WITHINGS, "/userid"),
        (&Face::COROS, "/openId"),
    ] {
        let tokens = app.connect(face).await;
        assert_eq!(tokens.pointer(pointer), Some(&json!(face.account_id("demo"))), "{}", face.slug);
    }
}

#[tokio::test]
async fn whose_account_it_is_may_be_a_claim_of_the_access_token() {
    let (app, face) = (App::start(), &Face::SUUNTO);
    let token = text(&app.connect(face).await, "access_token");
    let parts: Vec<_> = token.split('.').collect();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!(claims, json!({"sub": face.account_id("demo"), "exp": 1_893_456_000 + 8 * 3600}));

    assert_eq!(app.data(face, &token).await, 200);
    let forged = [parts[0], parts[1], "signature"].join(".");
    assert_eq!(app.data(face, &forged).await, 401);
}

#[tokio::test]
async fn a_mistake_in_an_envelope_has_a_number() {
    let app = App::start();
    let good = good_exchange("any");
    for (form, code) in [
        (with(&good, "grant_type", "password"), 104),
        (with(&good, "grant_type", ""), 101),
        (with(&good, "code", ""), 101),
    ] {
        assert_eq!(app.token(&Face::WITHINGS, &form).await.json()["status"], code, "{form:?}");
    }
    let token = text(&app.connect(&Face::WITHINGS).await, "refresh_token");
    let unknown = with(&good_refresh(&token), "scope", "root");
    assert_eq!(app.token(&Face::WITHINGS, &unknown).await.json()["status"], 105);
}
