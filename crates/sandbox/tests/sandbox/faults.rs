use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;
use terra_auth_sandbox::{Face, Fault};

use crate::app::{App, text};

const FACE: &Face = &Face::FITBIT;

#[tokio::test]
async fn too_many_requests_say_when_to_come_back_and_spend_nothing() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::TooManyRequests { retry_after_seconds: 7 }));
    let answer = app.exchange(FACE, &code).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_error_meets_every_call_at_its_own_face_only() {
    let app = App::start();
    let (here, there) = (app.connect(FACE).await, app.connect(&Face::OURA).await);
    app.sandbox.set_fault(FACE, Some(Fault::ServerError));

    let refresh = app.refresh(FACE, &text(&here, "refresh_token")).await;
    let userinfo = app.userinfo(FACE, &text(&here, "access_token")).await;
    let revoke = app.post("fitbit/revoke", &[], None).await;
    let elsewhere = app.refresh(&Face::OURA, &text(&there, "refresh_token")).await;
    assert_eq!([refresh.status, userinfo.status, revoke.status], [StatusCode::INTERNAL_SERVER_ERROR; 3]);
    assert_eq!(elsewhere.status, StatusCode::OK);

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.refresh(FACE, &text(&here, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_slow_answer_is_a_right_answer() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::Slow(Duration::from_millis(60))));
    let begun = Instant::now();
    let answer = app.exchange(FACE, &code).await;

    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(text(&answer.json(), "token_type"), "Bearer");
}

#[tokio::test]
async fn a_web_page_in_place_of_json_spends_nothing() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::Html));
    let answer = app.exchange(FACE, &code).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_has_spent_the_refresh_token() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");
    app.sandbox.set_fault(FACE, Some(Fault::BrokenJson));
    let answer = app.refresh(FACE, &token).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.refresh(FACE, &token).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn without_a_new_refresh_token_the_old_one_stays_good() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");
    app.sandbox.set_fault(FACE, Some(Fault::NoRefreshToken));
    for _ in 0..2 {
        let answer = app.refresh(FACE, &token).await;
        assert_eq!((answer.status, answer.json().get("refresh_token")), (StatusCode::OK, None));
    }
    assert_eq!(app.connect(FACE).await.get("refresh_token"), None);
}
