use axum::http::{Method, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use terra_auth_sandbox::ProviderProfile;

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, good_exchange, good_request, text, with};

const FACE: &ProviderProfile = &ProviderProfile::FITBIT;

#[tokio::test]
async fn a_token_response_must_not_be_cached() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let granted = app.exchange(FACE, &code).await;
    let refused = app.exchange(FACE, "unknown").await;

    for answer in [granted, refused] {
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_code_requires_its_verifier_and_redirect_uri() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    for (name, value, refusal) in [
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", "invalid_grant"),
        ("code_verifier", "", "invalid_grant"),
        ("redirect_uri", "https://app.example/other", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("code", "guessed", "invalid_grant"),
        ("code", "", "invalid_request"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
    ] {
        let answer = app.token(FACE, &with(&good_exchange(&code), name, value)).await;
        assert_eq!(answer.oauth_error(), (400, refusal.to_owned()), "{name}={value}");
    }
    assert_eq!(app.exchange(&ProviderProfile::OURA, &code).await.oauth_error(), (400, "invalid_grant".to_owned()));
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_without_a_challenge_must_come_without_a_verifier() {
    let app = App::start();
    let without = with(&with(&good_request(), "code_challenge", ""), "code_challenge_method", "");
    let page = app.authorize(&ProviderProfile::OURA, &without).await;
    let code = app.approve(&ProviderProfile::OURA, &page, "daily").await;

    assert_eq!(app.exchange(&ProviderProfile::OURA, &code).await.oauth_error(), (400, "invalid_grant".to_owned()));
    let form = with(&good_exchange(&code), "code_verifier", "");
    assert_eq!(app.token(&ProviderProfile::OURA, &form).await.status, StatusCode::OK);
}

#[tokio::test]
async fn wahoo_allows_ten_grants_and_another_after_a_revocation() {
    let (app, face) = (App::start(), &ProviderProfile::WAHOO);
    let mut newest = app.connect(face).await;
    for _ in 1..10 {
        newest = app.connect(face).await;
    }
    app.refresh(face, &text(&newest, "refresh_token")).await;
    let eleventh = app.code(face, &["user_read"]).await;
    assert_eq!(app.exchange(face, &eleventh).await.oauth_error(), (400, "invalid_grant".to_owned()));

    app.sandbox.revoke_account(face, "another account");
    assert_eq!(app.exchange(face, &eleventh).await.oauth_error(), (400, "invalid_grant".to_owned()));
    let bearer = format!("Bearer {}", text(&newest, "access_token"));
    let revoked = app.bare(Method::DELETE, "wahoo/revoke", &[("authorization", &bearer)]).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(app.exchange(face, &eleventh).await.status, StatusCode::OK, "the code is still valid");
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_its_grant() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let tokens = app.exchange(FACE, &code).await.json();
    let again = app.exchange(FACE, &code).await;

    assert_eq!(again.oauth_error(), (400, "invalid_grant".to_owned()));
    assert!(app.sandbox.grants(FACE)[0].revoked);
    let userinfo = app.userinfo(FACE, &text(&tokens, "access_token")).await;
    assert_eq!(userinfo.status, StatusCode::UNAUTHORIZED);
    let refreshed = app.refresh(FACE, &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.oauth_error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let app = App::start();
    let (first, second) = (app.code(FACE, &["sleep"]).await, app.code(FACE, &["sleep"]).await);
    app.advance_clock(599);
    assert_eq!(app.exchange(FACE, &first).await.status, StatusCode::OK);
    app.advance_clock(1);
    assert_eq!(app.exchange(FACE, &second).await.oauth_error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn an_access_token_expires_after_eight_hours_and_works_at_one_provider() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");
    app.advance_clock(8 * 3600 - 1);
    assert_eq!(app.userinfo(FACE, &token).await.status, StatusCode::OK);
    assert_eq!(app.userinfo(&ProviderProfile::OURA, &token).await.status, StatusCode::UNAUTHORIZED);
    app.advance_clock(1);
    let expired = app.userinfo(FACE, &token).await;
    assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
    assert_eq!(expired.header("www-authenticate"), r#"Bearer realm="sandbox", error="invalid_token""#);
}

#[tokio::test]
async fn userinfo_without_a_token_requests_authentication() {
    let app = App::start();
    let answer = app.get("fitbit/userinfo", None).await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="sandbox""#);
}

#[tokio::test]
async fn a_refresh_token_is_replaced_when_it_is_used() {
    let app = App::start();
    let first = app.connect(FACE).await;
    let second = app.refresh(FACE, &text(&first, "refresh_token")).await.json();
    let third = app.refresh(FACE, &text(&second, "refresh_token")).await;

    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!((&first["scope"], &first["user_id"]), (&second["scope"], &second["user_id"]));
    assert_eq!(third.status, StatusCode::OK);
    assert_eq!(app.sandbox.grants(FACE)[0].refreshes, 2);
}

#[tokio::test]
async fn a_refresh_token_works_at_its_own_provider_only() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");

    assert_eq!(app.refresh(&ProviderProfile::OURA, &token).await.oauth_error(), (400, "invalid_grant".to_owned()));
    assert_eq!(app.refresh(FACE, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_may_narrow_but_not_extend_the_scope() {
    let app = App::start();
    let code = app.code(FACE, &["sleep", "weight"]).await;
    let token = text(&app.exchange(FACE, &code).await.json(), "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let more = app.token(FACE, &with(&form, "scope", "sleep profile")).await;
    let less = app.token(FACE, &with(&form, "scope", "weight")).await;

    assert_eq!(more.oauth_error(), (400, "invalid_scope".to_owned()));
    assert_eq!(text(&less.json(), "scope"), "weight");
}

#[tokio::test]
async fn a_client_may_use_basic_authentication() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let credentials = basic(CLIENT_ID, CLIENT_SECRET);
    let alone = app.post("fitbit/token", &good_exchange(&code), Some(&credentials)).await;
    assert_eq!(alone.status, StatusCode::OK);

    let code = app.code(FACE, &["sleep"]).await;
    let form = with(&good_exchange(&code), "client_id", CLIENT_ID);
    let with_id = app.post("fitbit/token", &form, Some(&credentials.replace("Basic", "basic"))).await;
    assert_eq!(with_id.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_without_valid_credentials_is_rejected() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let form = good_exchange(&code);
    let body = |id, secret| with(&with(&form, "client_id", id), "client_secret", secret);
    for (form, authorization) in [
        (form.clone(), None),
        (body(CLIENT_ID, ""), None),
        (body(CLIENT_ID, "wrong"), None),
        (body("other-app", CLIENT_SECRET), None),
        (form.clone(), Some(basic(CLIENT_ID, "wrong"))),
        (form.clone(), Some(basic("other-app", CLIENT_SECRET))),
        (body("other-app", ""), Some(basic(CLIENT_ID, CLIENT_SECRET))),
        (form.clone(), Some("Basic not-base64".to_owned())),
        (form.clone(), Some(basic(CLIENT_ID, CLIENT_SECRET).replace("Basic", "Bearer"))),
    ] {
        let answer = app.post("fitbit/token", &form, authorization.as_deref()).await;
        assert_eq!(answer.oauth_error(), (401, "invalid_client".to_owned()), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), r#"Basic realm="sandbox""#);
    }
    let both = app.post("fitbit/token", &body(CLIENT_ID, CLIENT_SECRET), Some(&basic(CLIENT_ID, CLIENT_SECRET))).await;
    assert_eq!(both.oauth_error(), (400, "invalid_request".to_owned()));
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_64_kib_is_not_read() {
    let app = App::start();
    let fits = "x".repeat(64 * 1024 - "token=".len());
    let too_long = format!("{fits}x");

    assert_eq!(
        app.post("fitbit/token", &[("token", &fits)], None).await.oauth_error(),
        (401, "invalid_client".to_owned())
    );
    assert_eq!(app.post("fitbit/token", &[("token", &too_long)], None).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}
