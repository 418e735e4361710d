use axum::http::StatusCode;
use terra_auth_sandbox::{Pkce, ProviderProfile, provider_profiles};

use crate::app::{App, good_request, param, with};

#[tokio::test]
async fn a_request_without_a_registered_redirect_uri_gets_a_page_and_no_redirect() {
    let app = App::start();
    for (name, value) in [
        ("client_id", ""),
        ("client_id", "other-app"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://app.example/callback"),
        ("redirect_uri", "https://app.example/callback?from=sandbox&more=1"),
        ("redirect_uri", "https://evil.example/callback?from=sandbox"),
    ] {
        let answer = app.authorize(&ProviderProfile::FITBIT, &with(&good_request(), name, value)).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""), "{name}={value}");
    }
}

#[tokio::test]
async fn every_other_error_is_returned_to_the_app() {
    let app = App::start();
    for (name, value, error) in [
        ("response_type", "", "unsupported_response_type"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw=cM", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "sleep everything", "invalid_scope"),
    ] {
        let answer = app.authorize(&ProviderProfile::FITBIT, &with(&good_request(), name, value)).await.location();
        assert!(answer.as_str().starts_with("https://app.example/callback?from=sandbox&error="), "{answer}");
        assert_eq!(param(&answer, "error").as_deref(), Some(error), "{name}={value}");
        assert_eq!(param(&answer, "state").as_deref(), Some("a state & more"));
        assert_eq!(param(&answer, "iss").as_deref(), Some("http://sandbox.example/sandbox/fitbit"));
    }
}

#[tokio::test]
async fn pkce_is_optional_unless_the_provider_requires_it() {
    let app = App::start();
    let without = with(&with(&good_request(), "code_challenge", ""), "code_challenge_method", "");
    for face in provider_profiles() {
        let answer = app.authorize(face, &without).await;
        if face.pkce == Pkce::Required {
            assert_eq!(param(&answer.location(), "error").as_deref(), Some("invalid_request"));
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{}", face.slug);
        }
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_rejected() {
    let app = App::start();
    let mut request = good_request();
    request.push(("response_type", "code"));
    let told = app.authorize(&ProviderProfile::FITBIT, &request).await.location();
    request.push(("redirect_uri", "https://app.example/other"));
    let shown = app.authorize(&ProviderProfile::FITBIT, &request).await;

    assert_eq!(param(&told, "error").as_deref(), Some("invalid_request"));
    assert_eq!(shown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_without_a_scope_requests_all_scopes() {
    let app = App::start();
    for face in provider_profiles() {
        let handle = app.open_sign_in_page(face, "").await;
        let form = [("handle", handle.as_str()), ("account", "demo")];
        let page = app.post(&format!("{}/login", face.slug), &form, None).await;

        let boxes = page.text.matches(r#"<input type="checkbox" name="scope""#).count();
        assert_eq!(boxes, face.scopes.len(), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_request_that_is_too_long_is_rejected_before_it_is_stored() {
    let app = App::start();
    let room = 8 * 1024;
    let fits = app.get(&format!("fitbit/authorize?{}", "x".repeat(room)), None).await;
    let too_long = app.get(&format!("fitbit/authorize?{}", "x".repeat(room + 1)), None).await;

    assert_eq!(fits.status, StatusCode::BAD_REQUEST);
    assert_eq!(too_long.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn an_unknown_provider_is_not_found() {
    let app = App::start();
    assert_eq!(app.get("acme/authorize", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("FITBIT/authorize", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.post("acme/token", &[], None).await.status, StatusCode::NOT_FOUND);
}
