use axum::http::{Method, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use terra_auth_sandbox::Face;

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, good_exchange, good_request, text, with};

const FACE: &Face = &Face::FITBIT;

#[tokio::test]
async fn an_answer_is_kept_by_nobody_on_the_way() {
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
async fn a_code_opens_only_with_its_own_verifier_and_address() {
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
        assert_eq!(answer.refusal(), (400, refusal.to_owned()), "{name}={value}");
    }
    assert_eq!(app.exchange(&Face::OURA, &code).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_without_a_challenge_opens_without_a_verifier_only() {
    let app = App::start();
    let without = with(&with(&good_request(), "code_challenge", ""), "code_challenge_method", "");
    let page = app.authorize(&Face::OURA, &without).await;
    let code = app.approve(&Face::OURA, &page, "daily").await;

    assert_eq!(app.exchange(&Face::OURA, &code).await.refusal(), (400, "invalid_grant".to_owned()));
    let form = with(&good_exchange(&code), "code_verifier", "");
    assert_eq!(app.token(&Face::OURA, &form).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_person_may_give_an_app_ten_grants_at_wahoo_and_more_once_one_is_revoked() {
    let (app, face) = (App::start(), &Face::WAHOO);
    let mut newest = app.connect(face).await;
    for _ in 1..10 {
        newest = app.connect(face).await;
    }
    app.refresh(face, &text(&newest, "refresh_token")).await;
    let eleventh = app.code(face, &["user_read"]).await;
    assert_eq!(app.exchange(face, &eleventh).await.refusal(), (400, "invalid_grant".to_owned()));

    app.sandbox.revoke_account(face, "somebody else");
    assert_eq!(app.exchange(face, &eleventh).await.refusal(), (400, "invalid_grant".to_owned()));
    let bearer = format!("Bearer {}", text(&newest, "access_token"));
    let revoked = app.bare(Method::DELETE, "wahoo/revoke", &[("authorization", &bearer)]).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(app.exchange(face, &eleventh).await.status, StatusCode::OK, "the code is still good");
}

#[tokio::test]
async fn a_code_that_comes_twice_revokes_what_it_opened() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let tokens = app.exchange(FACE, &code).await.json();
    let again = app.exchange(FACE, &code).await;

    assert_eq!(again.refusal(), (400, "invalid_grant".to_owned()));
    assert!(app.sandbox.grants(FACE)[0].revoked);
    let userinfo = app.userinfo(FACE, &text(&tokens, "access_token")).await;
    assert_eq!(userinfo.status, StatusCode::UNAUTHORIZED);
    let refreshed = app.refresh(FACE, &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let app = App::start();
    let (first, second) = (app.code(FACE, &["sleep"]).await, app.code(FACE, &["sleep"]).await);
    app.pass(599);
    assert_eq!(app.exchange(FACE, &first).await.status, StatusCode::OK);
    app.pass(1);
    assert_eq!(app.exchange(FACE, &second).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn an_access_token_lives_eight_hours_and_opens_one_face() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");
    app.pass(8 * 3600 - 1);
    assert_eq!(app.userinfo(FACE, &token).await.status, StatusCode::OK);
    assert_eq!(app.userinfo(&Face::OURA, &token).await.status, StatusCode::UNAUTHORIZED);
    app.pass(1);
    let expired = app.userinfo(FACE, &token).await;
    assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
    assert_eq!(expired.header("www-authenticate"), r#"Bearer realm="sandbox", error="invalid_token""#);
}

#[tokio::test]
async fn userinfo_without_a_token_asks_for_one() {
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
async fn a_refresh_token_is_worthless_at_another_face_and_stays_good_at_its_own() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "refresh_token");

    assert_eq!(app.refresh(&Face::OURA, &token).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(app.refresh(FACE, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_but_not_for_more() {
    let app = App::start();
    let code = app.code(FACE, &["sleep", "weight"]).await;
    let token = text(&app.exchange(FACE, &code).await.json(), "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let more = app.token(FACE, &with(&form, "scope", "sleep profile")).await;
    let less = app.token(FACE, &with(&form, "scope", "weight")).await;

    assert_eq!(more.refusal(), (400, "invalid_scope".to_owned()));
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
async fn a_client_that_does_not_prove_itself_is_refused() {
    let app = App::start();
    let code = app.code(FACE, &["sleep"]).await;
    let form = good_exchange(&code);
    let body = |id, secret| with(&with(&form, "client_id", id), "client_secret", secret);
    for (form, authorization) in [
        (form.clone(), None),
        (body(CLIENT_ID, ""), None),
        (body(CLIENT_ID, "wrong"), None),
        (body("somebody-else", CLIENT_SECRET), None),
        (form.clone(), Some(basic(CLIENT_ID, "wrong"))),
        (form.clone(), Some(basic("somebody-else", CLIENT_SECRET))),
        (body("somebody-else", ""), Some(basic(CLIENT_ID, CLIENT_SECRET))),
        (form.clone(), Some("Basic not-base64".to_owned())),
        (form.clone(), Some(basic(CLIENT_ID, CLIENT_SECRET).replace("Basic", "Bearer"))),
    ] {
        let answer = app.post("fitbit/token", &form, authorization.as_deref()).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{authorization:?}");
        assert_eq!(answer.header("www-authenticate"), r#"Basic realm="sandbox""#);
    }
    let both = app.post("fitbit/token", &body(CLIENT_ID, CLIENT_SECRET), Some(&basic(CLIENT_ID, CLIENT_SECRET))).await;
    assert_eq!(both.refusal(), (400, "invalid_request".to_owned()));
    assert_eq!(app.exchange(FACE, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_64_kib_is_not_read() {
    let app = App::start();
    let fits = "x".repeat(64 * 1024 - "token=".len());
    let too_long = format!("{fits}x");

    assert_eq!(app.post("fitbit/token", &[("token", &fits)], None).await.refusal(), (401, "invalid_client".to_owned()));
    assert_eq!(app.post("fitbit/token", &[("token", &too_long)], None).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}
