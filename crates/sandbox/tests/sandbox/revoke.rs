use axum::http::StatusCode;
use terra_auth_sandbox::Face;

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, text};

const FACE: &Face = &Face::FITBIT;

#[tokio::test]
async fn either_token_revokes_the_whole_grant_and_no_other() {
    for name in ["access_token", "refresh_token"] {
        let app = App::start();
        let (tokens, others) = (app.connect(FACE).await, app.connect(FACE).await);
        let answer = revoke(&app, FACE, &text(&tokens, name)).await;

        assert_eq!(answer, StatusCode::OK);
        let revoked: Vec<_> = app.sandbox.grants(FACE).iter().map(|grant| grant.revoked).collect();
        assert_eq!(revoked, [true, false]);
        let userinfo = app.userinfo(FACE, &text(&tokens, "access_token")).await;
        assert_eq!(userinfo.status, StatusCode::UNAUTHORIZED);
        let refreshed = app.refresh(FACE, &text(&tokens, "refresh_token")).await;
        assert_eq!(refreshed.refusal(), (400, "invalid_grant".to_owned()));
        assert_eq!(app.userinfo(FACE, &text(&others, "access_token")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_expired_or_foreign_token_is_answered_like_any_other() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");

    assert_eq!(revoke(&app, FACE, "unknown").await, StatusCode::OK);
    assert_eq!(revoke(&app, &Face::OURA, &token).await, StatusCode::OK);
    assert!(!app.sandbox.grants(FACE)[0].revoked);
    app.pass(8 * 3600);
    assert_eq!(revoke(&app, FACE, &token).await, StatusCode::OK);
    assert!(app.sandbox.grants(FACE)[0].revoked);
}

#[tokio::test]
async fn only_the_client_may_revoke() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");
    let answer = app.post("fitbit/revoke", &[("token", &token), ("client_id", CLIENT_ID)], None).await;

    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    assert!(!app.sandbox.grants(FACE)[0].revoked);
}

#[tokio::test]
async fn a_revocation_without_a_token_is_refused() {
    let app = App::start();
    let form = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let answer = app.post("fitbit/revoke", &form, None).await;

    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn an_owner_can_revoke_behind_the_back_of_the_app() {
    let app = App::start();
    let tokens = app.connect(FACE).await;
    app.connect(FACE).await;
    let live = || app.sandbox.grants(FACE).iter().filter(|grant| !grant.revoked).count();

    app.sandbox.revoke_account(FACE, "alice");
    app.sandbox.revoke_account(&Face::OURA, "demo");
    assert_eq!(live(), 2);
    app.sandbox.revoke_account(FACE, "Demo");
    assert_eq!(live(), 0);
    let refreshed = app.refresh(FACE, &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.refusal(), (400, "invalid_grant".to_owned()));
}

async fn revoke(app: &App, face: &Face, token: &str) -> StatusCode {
    let form = [("token", token), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    app.post(&format!("{}/revoke", face.slug), &form, None).await.status
}
