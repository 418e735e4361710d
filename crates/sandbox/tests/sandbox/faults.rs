use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;
use terra_auth_sandbox::{Fault, LifetimeFault, ProviderProfile};

use crate::app::{App, good_refresh, text};

const FACE: &ProviderProfile = &ProviderProfile::FITBIT;

#[tokio::test]
async fn too_many_requests_have_a_retry_after_and_spend_nothing() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::TooManyRequests { retry_after_seconds: 7 }));
    let answer = app.exchange(FACE, &code).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_error_affects_every_call_of_one_provider_only() {
    let app = App::start();
    let (here, there) = (app.connect(FACE).await, app.connect(&ProviderProfile::OURA).await);
    app.sandbox.set_fault(FACE, Some(Fault::ServerError));

    let refresh = app.refresh(FACE, &text(&here, "refresh_token")).await;
    let userinfo = app.userinfo(FACE, &text(&here, "access_token")).await;
    let revoke = app.post("fitbit/revoke", &[], None).await;
    let elsewhere = app.refresh(&ProviderProfile::OURA, &text(&there, "refresh_token")).await;
    assert_eq!([refresh.status, userinfo.status, revoke.status], [StatusCode::INTERNAL_SERVER_ERROR; 3]);
    assert_eq!(elsewhere.status, StatusCode::OK);

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.refresh(FACE, &text(&here, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_slow_response_is_correct() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::Slow(Duration::from_millis(60))));
    let begun = Instant::now();
    let answer = app.exchange(FACE, &code).await;

    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(text(&answer.json(), "token_type"), "Bearer");
}

#[tokio::test]
async fn an_html_response_does_not_use_up_the_refresh_token() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    app.sandbox.set_fault(FACE, Some(Fault::Html));
    let answer = app.exchange(FACE, &code).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));

    app.sandbox.set_fault(FACE, None);
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_truncated_response_used_up_the_refresh_token() {
    let app = App::start();
    let token = text(&app.connect(&ProviderProfile::STRAVA).await, "refresh_token");
    app.sandbox.set_fault(&ProviderProfile::STRAVA, Some(Fault::TruncatedJson));
    let answer = app.refresh(&ProviderProfile::STRAVA, &token).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());

    app.sandbox.set_fault(&ProviderProfile::STRAVA, None);
    assert!(app.refresh(&ProviderProfile::STRAVA, &token).await.text.contains(r#""resource":"RefreshToken""#));
}

#[tokio::test]
async fn without_a_new_refresh_token_the_old_one_stays_valid() {
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
async fn a_lost_request_has_no_effect_and_a_lost_response_has_its_full_effect() {
    let face = &ProviderProfile::STRAVA;
    for (fault, refreshes, again) in [(Fault::LostRequest, 0, 200), (Fault::LostResponse, 1, 400)] {
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
async fn a_call_that_is_processed_twice_gets_the_second_response() {
    for (face, status, revoked) in [
        (&ProviderProfile::FITBIT, 200, false),
        (&ProviderProfile::WITHINGS, 200, false),
        (&ProviderProfile::GOOGLE, 200, false),
        (&ProviderProfile::STRAVA, 400, false),
        (&ProviderProfile::OURA, 400, true),
    ] {
        let app = App::start();
        let token = text(&app.connect(face).await, "refresh_token");
        app.sandbox.set_next_faults(face, [Some(Fault::ProcessedTwice)]);
        let answer = app.refresh(face, &token).await;

        assert_eq!(answer.status.as_u16(), status, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].revoked, revoked, "{}", face.slug);
        if status == 200 {
            let token = text(&answer.tokens(), "access_token");
            assert!(app.is_active(face, &token).await, "{}", face.slug);
        }
    }
}

#[tokio::test]
async fn a_client_can_be_rejected_with_correct_credentials() {
    let app = App::start();
    for (face, refusal) in [
        (&ProviderProfile::OURA, (401, r#""error":"invalid_client""#)),
        (&ProviderProfile::FITBIT, (401, r#""errorType":"invalid_client""#)),
        (&ProviderProfile::STRAVA, (401, r#""resource":"Application""#)),
        (&ProviderProfile::WITHINGS, (200, r#""status":102"#)),
        (&ProviderProfile::COROS, (200, r#""result":"0102""#)),
    ] {
        let token = text(&app.connect(face).await, "refresh_token");
        app.sandbox.set_fault(face, Some(Fault::InvalidClient));
        let answer = app.refresh(face, &token).await;
        assert!(answer.status.as_u16() == refusal.0 && answer.text.contains(refusal.1), "{}", answer.text);
        assert_eq!(app.sandbox.grants(face)[0].refreshes, 0);
    }
}

#[tokio::test]
async fn faults_can_be_set_for_each_call() {
    let app = App::start();
    let token = text(&app.connect(&ProviderProfile::GOOGLE).await, "refresh_token");
    app.sandbox.set_fault(&ProviderProfile::GOOGLE, Some(Fault::ServerError));
    let busy = Fault::TooManyRequests { retry_after_seconds: 7 };
    app.sandbox.set_next_faults(&ProviderProfile::GOOGLE, [Some(busy), None]);

    for status in [429, 200, 500, 500] {
        assert_eq!(app.refresh(&ProviderProfile::GOOGLE, &token).await.status.as_u16(), status);
    }
    app.sandbox.set_next_faults(&ProviderProfile::GOOGLE, [None, None, None]);
    app.sandbox.set_next_faults(&ProviderProfile::GOOGLE, [None]);
    assert_eq!(app.refresh(&ProviderProfile::GOOGLE, &token).await.status.as_u16(), 200);
    assert_eq!(
        app.refresh(&ProviderProfile::GOOGLE, &token).await.status.as_u16(),
        500,
        "the second call replaces the first"
    );
}

#[tokio::test]
async fn an_envelope_has_a_rate_limit_error_too() {
    let app = App::start();
    for (face, code) in
        [(&ProviderProfile::WITHINGS, r#""status":601"#), (&ProviderProfile::COROS, r#""result":"0601""#)]
    {
        app.sandbox.set_fault(face, Some(Fault::TooManyRequests { retry_after_seconds: 7 }));
        let answer = app.refresh(face, "any").await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::OK, "7"));
        assert!(answer.text.contains(code), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_error_without_a_code_does_not_use_up_the_refresh_token() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");
    app.sandbox.set_next_faults(FACE, [Some(Fault::NoErrorCode)]);
    let refused = app.refresh(FACE, &token).await;
    assert_eq!((refused.status, refused.text.as_str()), (StatusCode::BAD_REQUEST, "Bad Request"));
    assert_eq!(app.refresh(FACE, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn responses_with_unusual_fields_have_valid_tokens() {
    let app = App::start();
    let mut token = text(&app.connect(FACE).await, "refresh_token");
    for (odd, expected) in [
        (LifetimeFault::Missing, Value::Null),
        (LifetimeFault::Null, Value::Null),
        (LifetimeFault::Zero, 0.into()),
        (LifetimeFault::Negative, (-1).into()),
        (LifetimeFault::Text, "28800".into()),
        (LifetimeFault::Huge, 1e300.into()),
    ] {
        app.sandbox.set_next_faults(FACE, [Some(Fault::ExpiresIn(odd))]);
        let answer = app.refresh(FACE, &token).await.tokens();
        assert_eq!(answer["expires_in"], expected, "{odd:?}");
        assert_eq!(answer.get("expires_in").is_none(), odd == LifetimeFault::Missing);
        assert!(app.is_active(FACE, &text(&answer, "access_token")).await);
        token = text(&answer, "refresh_token");
    }
    app.sandbox.set_next_faults(FACE, [Some(Fault::ScopeList)]);
    let answer = app.refresh(FACE, &token).await.tokens();
    assert!(answer["scope"].as_array().is_some_and(|scopes| scopes.contains(&"sleep".into())), "{answer}");
}
