use axum::http::StatusCode;
use terra_auth_sandbox::{Face, Fault, Identity, faces};

use crate::app::{App, param, text};

#[tokio::test]
async fn every_face_grants_what_was_approved() {
    let app = App::start();
    for face in faces() {
        let answer = app.connect(face).await;

        assert_eq!(text(&answer, "token_type"), "Bearer", "{}", face.slug);
        assert_eq!(answer["expires_in"], 8 * 3600, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].scopes, face.scopes.iter().collect::<Vec<_>>(), "{}", face.slug);
        let userinfo = app.userinfo(face, &text(&answer, "access_token")).await.json();
        let field = if let Identity::Userinfo(field) = face.identity { field } else { "sub" };
        assert_eq!(text(&userinfo, field), face.account_id("demo"));
    }
}

#[tokio::test]
async fn an_approval_carries_code_state_and_issuer_behind_the_query_that_was_there() {
    let app = App::start();
    let answer = app.decide(&Face::FITBIT, "approve", &["sleep"]).await;

    assert!(answer.as_str().starts_with("https://app.example/callback?from=sandbox&code="), "{answer}");
    assert_eq!(param(&answer, "state").as_deref(), Some("a state & more"));
    assert_eq!(param(&answer, "iss").as_deref(), Some(app.sandbox.issuer(&Face::FITBIT).as_str()));
    assert_eq!(param(&answer, "error"), None);
}

#[tokio::test]
async fn a_refusal_grants_nothing() {
    let app = App::start();
    for (decision, ticked) in [("deny", ["sleep"].as_slice()), ("approve", &[])] {
        let answer = app.decide(&Face::FITBIT, decision, ticked).await;

        assert_eq!(param(&answer, "error").as_deref(), Some("access_denied"));
        assert_eq!(param(&answer, "state").as_deref(), Some("a state & more"));
        assert_eq!(param(&answer, "iss").as_deref(), Some("http://sandbox.example/sandbox/fitbit"));
        assert_eq!(param(&answer, "code"), None);
    }
}

#[tokio::test]
async fn only_what_was_asked_for_and_ticked_is_granted() {
    let app = App::start();
    let handle = app.sign_in(&Face::STRAVA, "read,activity:read,profile:read_all", "demo").await;
    let form = [
        ("handle", handle.as_str()),
        ("decision", "approve"),
        ("scope", "profile:read_all"),
        ("scope", "read"),
        ("scope", "activity:read_all"), // was never asked for
    ];
    let answer = app.post("strava/consent", &form, None).await.location();
    app.exchange(&Face::STRAVA, &param(&answer, "code").unwrap()).await;

    let granted: Vec<_> = app.sandbox.grants(&Face::STRAVA)[0].scopes.iter().map(|scope| scope.name).collect();
    assert_eq!(granted, ["read", "profile:read_all"]);
}

#[tokio::test]
async fn a_request_is_answered_once() {
    let app = App::start();
    let handle = app.sign_in(&Face::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", "sleep")];
    let first = app.post("fitbit/consent", &form, None).await;
    let again = app.post("fitbit/consent", &form, None).await;

    assert_eq!(first.status, StatusCode::SEE_OTHER);
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_consents_without_signing_in_or_at_another_face() {
    let app = App::start();
    let unsigned = app.arrive(&Face::FITBIT, "sleep").await;
    let form = [("handle", unsigned.as_str()), ("decision", "approve"), ("scope", "sleep")];
    assert_eq!(app.post("fitbit/consent", &form, None).await.status, StatusCode::BAD_REQUEST);

    let signed = app.sign_in(&Face::FITBIT, "sleep", "demo").await;
    let form = [("handle", signed.as_str()), ("decision", "approve"), ("scope", "sleep")];
    assert_eq!(app.post("oura/consent", &form, None).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.post("fitbit/consent", &form, None).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_request_waits_a_quarter_of_an_hour_for_its_person() {
    let app = App::start();
    let handle = app.arrive(&Face::FITBIT, "sleep").await;
    let form = [("handle", handle.as_str()), ("account", "demo")];
    app.pass(15 * 60 - 1);
    assert_eq!(app.post("fitbit/login", &form, None).await.status, StatusCode::OK);
    app.pass(1);
    assert_eq!(app.post("fitbit/login", &form, None).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_account_name_is_kept_short_and_shown_as_text() {
    let app = App::start();
    let handle = app.arrive(&Face::FITBIT, "sleep").await;
    let long = "x".repeat(65);
    let refused = app.post("fitbit/login", &[("handle", &handle), ("account", &long)], None).await;
    let shown = app.post("fitbit/login", &[("handle", &handle), ("account", "<b>eve</b>")], None).await;

    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(shown.status, StatusCode::OK);
    assert!(!shown.text.contains("<b>eve"), "{}", shown.text);
}

#[tokio::test]
async fn an_empty_account_name_is_the_demo_account() {
    let app = App::start();
    let handle = app.sign_in(&Face::FITBIT, "sleep", " ").await;
    let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", "sleep")];
    let answer = app.post("fitbit/consent", &form, None).await.location();
    app.exchange(&Face::FITBIT, &param(&answer, "code").unwrap()).await;

    assert_eq!(app.sandbox.grants(&Face::FITBIT)[0].account.name, "demo");
}

#[tokio::test]
async fn a_person_can_make_trouble_from_the_consent_page() {
    let app = App::start();
    app.connect(&Face::FITBIT).await;
    let handle = app.sign_in(&Face::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "500"), ("revoke_earlier", "yes")];
    app.post("fitbit/consent", &form, None).await.location();

    assert_eq!(app.sandbox.fault(&Face::FITBIT), Some(Fault::ServerError));
    assert_eq!(app.sandbox.fault(&Face::OURA), None);
    assert!(app.sandbox.grants(&Face::FITBIT)[0].revoked);

    let handle = app.sign_in(&Face::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "keep")];
    app.post("fitbit/consent", &form, None).await.location();
    assert_eq!(app.sandbox.fault(&Face::FITBIT), Some(Fault::ServerError));

    let handle = app.sign_in(&Face::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "none")];
    app.post("fitbit/consent", &form, None).await.location();
    assert_eq!(app.sandbox.fault(&Face::FITBIT), None);
}

#[tokio::test]
async fn the_switch_selects_all_or_none_and_decides_nothing() {
    let app = App::start();
    let handle = app.sign_in(&Face::STRAVA, "read,activity:read,profile:read_all", "demo").await;
    for (decision, ticked) in [("none", 0), ("all", 3)] {
        let form = [("handle", handle.as_str()), ("decision", decision), ("scope", "read")];
        let page = app.post("strava/consent", &form, None).await.text;
        assert_eq!(page.matches("name=\"scope\"").count(), 3, "{page}");
        assert_eq!(page.matches(" checked>").count(), ticked, "{page}");
    }
    let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", "read")];
    let answer = app.post("strava/consent", &form, None).await.location();
    assert!(param(&answer, "code").is_some(), "{answer}");
}
