use axum::http::StatusCode;
use terra_auth_sandbox::{AccountIdField, Fault, ProviderProfile, provider_profiles};

use crate::app::{App, param, text};

#[tokio::test]
async fn every_provider_grants_the_approved_scopes() {
    let app = App::start();
    for face in provider_profiles() {
        let answer = app.connect(face).await;

        assert_eq!(text(&answer, "token_type"), "Bearer", "{}", face.slug);
        assert_eq!(answer["expires_in"], 8 * 3600, "{}", face.slug);
        assert_eq!(app.sandbox.grants(face)[0].scopes, face.scopes.iter().collect::<Vec<_>>(), "{}", face.slug);
        let userinfo = app.userinfo(face, &text(&answer, "access_token")).await.json();
        let field = if let AccountIdField::Userinfo(field) = face.identity { field } else { "sub" };
        assert_eq!(text(&userinfo, field), face.account_id("demo"));
    }
}

#[tokio::test]
async fn an_approval_appends_code_state_and_issuer_to_the_existing_query() {
    let app = App::start();
    let answer = app.decide(&ProviderProfile::FITBIT, "approve", &["sleep"]).await;

    assert!(answer.as_str().starts_with("https://app.example/callback?from=sandbox&code="), "{answer}");
    assert_eq!(param(&answer, "state").as_deref(), Some("a state & more"));
    assert_eq!(param(&answer, "iss").as_deref(), Some(app.sandbox.issuer(&ProviderProfile::FITBIT).as_str()));
    assert_eq!(param(&answer, "error"), None);
}

#[tokio::test]
async fn a_denial_grants_nothing() {
    let app = App::start();
    for (decision, ticked) in [("deny", ["sleep"].as_slice()), ("approve", &[])] {
        let answer = app.decide(&ProviderProfile::FITBIT, decision, ticked).await;

        assert_eq!(param(&answer, "error").as_deref(), Some("access_denied"));
        assert_eq!(param(&answer, "state").as_deref(), Some("a state & more"));
        assert_eq!(param(&answer, "iss").as_deref(), Some("http://sandbox.example/sandbox/fitbit"));
        assert_eq!(param(&answer, "code"), None);
    }
}

#[tokio::test]
async fn only_requested_and_checked_scopes_are_granted() {
    let app = App::start();
    let handle = app.sign_in(&ProviderProfile::STRAVA, "read,activity:read,profile:read_all", "demo").await;
    let form = [
        ("handle", handle.as_str()),
        ("decision", "approve"),
        ("scope", "profile:read_all"),
        ("scope", "read"),
        ("scope", "activity:read_all"), // was not requested
    ];
    let answer = app.post("strava/consent", &form, None).await.location();
    app.exchange(&ProviderProfile::STRAVA, &param(&answer, "code").unwrap()).await;

    let granted: Vec<_> =
        app.sandbox.grants(&ProviderProfile::STRAVA)[0].scopes.iter().map(|scope| scope.name).collect();
    assert_eq!(granted, ["read", "profile:read_all"]);
}

#[tokio::test]
async fn a_request_is_completed_once() {
    let app = App::start();
    let handle = app.sign_in(&ProviderProfile::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", "sleep")];
    let first = app.post("fitbit/consent", &form, None).await;
    let again = app.post("fitbit/consent", &form, None).await;

    assert_eq!(first.status, StatusCode::SEE_OTHER);
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn consent_requires_a_sign_in_at_the_same_provider() {
    let app = App::start();
    let unsigned = app.open_sign_in_page(&ProviderProfile::FITBIT, "sleep").await;
    let form = [("handle", unsigned.as_str()), ("decision", "approve"), ("scope", "sleep")];
    assert_eq!(app.post("fitbit/consent", &form, None).await.status, StatusCode::BAD_REQUEST);

    let signed = app.sign_in(&ProviderProfile::FITBIT, "sleep", "demo").await;
    let form = [("handle", signed.as_str()), ("decision", "approve"), ("scope", "sleep")];
    assert_eq!(app.post("oura/consent", &form, None).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.post("fitbit/consent", &form, None).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_request_waits_fifteen_minutes_for_the_user() {
    let app = App::start();
    let handle = app.open_sign_in_page(&ProviderProfile::FITBIT, "sleep").await;
    let form = [("handle", handle.as_str()), ("account", "demo")];
    app.advance_clock(15 * 60 - 1);
    assert_eq!(app.post("fitbit/login", &form, None).await.status, StatusCode::OK);
    app.advance_clock(1);
    assert_eq!(app.post("fitbit/login", &form, None).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_account_name_is_bounded_and_escaped() {
    let app = App::start();
    let handle = app.open_sign_in_page(&ProviderProfile::FITBIT, "sleep").await;
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
    let handle = app.sign_in(&ProviderProfile::FITBIT, "sleep", " ").await;
    let form = [("handle", handle.as_str()), ("decision", "approve"), ("scope", "sleep")];
    let answer = app.post("fitbit/consent", &form, None).await.location();
    app.exchange(&ProviderProfile::FITBIT, &param(&answer, "code").unwrap()).await;

    assert_eq!(app.sandbox.grants(&ProviderProfile::FITBIT)[0].account.name, "demo");
}

#[tokio::test]
async fn a_user_can_simulate_failures_on_the_consent_page() {
    let app = App::start();
    app.connect(&ProviderProfile::FITBIT).await;
    let handle = app.sign_in(&ProviderProfile::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "500"), ("revoke_earlier", "yes")];
    app.post("fitbit/consent", &form, None).await.location();

    assert_eq!(app.sandbox.fault(&ProviderProfile::FITBIT), Some(Fault::ServerError));
    assert_eq!(app.sandbox.fault(&ProviderProfile::OURA), None);
    assert!(app.sandbox.grants(&ProviderProfile::FITBIT)[0].revoked);

    let handle = app.sign_in(&ProviderProfile::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "keep")];
    app.post("fitbit/consent", &form, None).await.location();
    assert_eq!(app.sandbox.fault(&ProviderProfile::FITBIT), Some(Fault::ServerError));

    let handle = app.sign_in(&ProviderProfile::FITBIT, "sleep", "demo").await;
    let form = [("handle", handle.as_str()), ("decision", "deny"), ("trouble", "none")];
    app.post("fitbit/consent", &form, None).await.location();
    assert_eq!(app.sandbox.fault(&ProviderProfile::FITBIT), None);
}

#[tokio::test]
async fn the_select_buttons_check_all_or_none_and_decide_nothing() {
    let app = App::start();
    let handle = app.sign_in(&ProviderProfile::STRAVA, "read,activity:read,profile:read_all", "demo").await;
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
