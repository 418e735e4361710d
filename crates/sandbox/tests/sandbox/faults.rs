use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;
use terra_auth_sandbox::{Face, Fault, OddLife};

use crate::app::{App, good_refresh, text};

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
    let token = text(&app.connect(&Face::STRAVA).await, "refresh_token");
    app.sandbox.set_fault(&Face::STRAVA, Some(Fault::BrokenJson));
    let answer = app.refresh(&Face::STRAVA, &token).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());

    app.sandbox.set_fault(&Face::STRAVA, None);
    assert!(app.refresh(&Face::STRAVA, &token).await.text.contains(r#""resource":"RefreshToken""#));
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

#[tokio::test]
async fn a_lost_request_did_nothing_and_a_lost_answer_did_it_all() {
    let face = &Face::STRAVA;
    for (fault, refreshes, again) in [(Fault::LostRequest, 0, 200), (Fault::LostAnswer, 1, 400)] {
        let app = App::start();
        let token = text(&app.connect(face).await, "refresh_token");
        app.sandbox.set_fault(face, Some(fault));
        assert!(app.try_token(face, &good_refresh(&token)).await.is_none(), "{fault:?}");
        assert_eq!(app.sandbox.grants(face)[0].refreshes, refreshes, "{fault:?}");

        app.sandbox.set_fault(face, None);
        assert_eq!(app.refresh(face, &token).await.status.as_u16(), again, "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_obeyed_twice_is_answered_for_the_second_time() {
    for (face, status, revoked) in [
        (&Face::FITBIT, 200, false),
        (&Face::WITHINGS, 200, false),
        (&Face::GOOGLE, 200, false),
        (&Face::STRAVA, 400, false),
        (&Face::OURA, 400, true),
    ] {
        let app = App::start();
        let token = text(&app.connect(face).await, "refresh_token");
        app.sandbox.set_next_faults(face, [Some(Fault::Twice)]);
        let answer = app.refresh(face, &token).await;

        assert_eq!(answer.status.as_u16(), status, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].revoked, revoked, "{}", face.slug);
        if status == 200 {
            let token = text(&answer.tokens(), "access_token");
            assert!(app.lives(face, &token).await, "{}", face.slug);
        }
    }
}

#[tokio::test]
async fn a_client_can_be_refused_whatever_it_proves() {
    let app = App::start();
    for (face, refusal) in [
        (&Face::OURA, (401, r#""error":"invalid_client""#)),
        (&Face::FITBIT, (401, r#""errorType":"invalid_client""#)),
        (&Face::STRAVA, (401, r#""resource":"Application""#)),
        (&Face::WITHINGS, (200, r#""status":102"#)),
        (&Face::COROS, (200, r#""result":"0102""#)),
    ] {
        let token = text(&app.connect(face).await, "refresh_token");
        app.sandbox.set_fault(face, Some(Fault::InvalidClient));
        let answer = app.refresh(face, &token).await;
        assert!(answer.status.as_u16() == refusal.0 && answer.text.contains(refusal.1), "{}", answer.text);
        assert_eq!(app.sandbox.grants(face)[0].refreshes, 0);
    }
}

#[tokio::test]
async fn faults_can_be_planned_call_by_call() {
    let app = App::start();
    let token = text(&app.connect(&Face::GOOGLE).await, "refresh_token");
    app.sandbox.set_fault(&Face::GOOGLE, Some(Fault::ServerError));
    let busy = Fault::TooManyRequests { retry_after_seconds: 7 };
    app.sandbox.set_next_faults(&Face::GOOGLE, [Some(busy), None]);

    for status in [429, 200, 500, 500] {
        assert_eq!(app.refresh(&Face::GOOGLE, &token).await.status.as_u16(), status);
    }
    app.sandbox.set_next_faults(&Face::GOOGLE, [None, None, None]);
    app.sandbox.set_next_faults(&Face::GOOGLE, [None]);
    assert_eq!(app.refresh(&Face::GOOGLE, &token).await.status.as_u16(), 200);
    assert_eq!(app.refresh(&Face::GOOGLE, &token).await.status.as_u16(), 500, "the first plan is forgotten");
}

#[tokio::test]
async fn an_envelope_asks_for_patience_too() {
    let app = App::start();
    for (face, code) in [(&Face::WITHINGS, r#""status":601"#), (&Face::COROS, r#""result":"0601""#)] {
        app.sandbox.set_fault(face, Some(Fault::TooManyRequests { retry_after_seconds: 7 }));
        let answer = app.refresh(face, "any").await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::OK, "7"));
        assert!(answer.text.contains(code), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_spends_nothing() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");
    app.sandbox.set_next_faults(FACE, [Some(Fault::Opaque)]);
    let refused = app.refresh(FACE, &token).await;
    assert_eq!((refused.status, refused.text.as_str()), (StatusCode::BAD_REQUEST, "Bad Request"));
    assert_eq!(app.refresh(FACE, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_may_be_written_oddly_and_are_right_all_the_same() {
    let app = App::start();
    let mut token = text(&app.connect(FACE).await, "refresh_token");
    for (odd, expected) in [
        (OddLife::Missing, Value::Null),
        (OddLife::Null, Value::Null),
        (OddLife::Zero, 0.into()),
        (OddLife::Negative, (-1).into()),
        (OddLife::Text, "28800".into()),
        (OddLife::Huge, 1e300.into()),
    ] {
        app.sandbox.set_next_faults(FACE, [Some(Fault::ExpiresIn(odd))]);
        let answer = app.refresh(FACE, &token).await.tokens();
        assert_eq!(answer["expires_in"], expected, "{odd:?}");
        assert_eq!(answer.get("expires_in").is_none(), odd == OddLife::Missing);
        assert!(app.lives(FACE, &text(&answer, "access_token")).await);
        token = text(&answer, "refresh_token");
    }
    app.sandbox.set_next_faults(FACE, [Some(Fault::ScopeList)]);
    let answer = app.refresh(FACE, &token).await.tokens();
    assert!(answer["scope"].as_array().is_some_and(|scopes| scopes.contains(&"sleep".into())), "{answer}");
}
