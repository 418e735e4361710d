use axum::http::{Method, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use terra_auth_sandbox::ProviderProfile;

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, text};

const FACE: &ProviderProfile = &ProviderProfile::FITBIT;

#[tokio::test]
async fn either_token_revokes_the_complete_grant_and_no_other() {
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
        assert_eq!(refreshed.oauth_error(), (400, "invalid_grant".to_owned()));
        assert_eq!(app.userinfo(FACE, &text(&others, "access_token")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn an_expired_or_unknown_token_gets_the_same_response() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");

    assert_eq!(revoke(&app, FACE, "unknown").await, StatusCode::OK);
    assert_eq!(revoke(&app, &ProviderProfile::ULTRAHUMAN, &token).await, StatusCode::OK);
    assert!(!app.sandbox.grants(FACE)[0].revoked);
    app.advance_clock(8 * 3600);
    assert_eq!(revoke(&app, FACE, &token).await, StatusCode::OK);
    assert!(app.sandbox.grants(FACE)[0].revoked);
}

#[tokio::test]
async fn only_the_client_may_revoke() {
    let app = App::start();
    let token = text(&app.connect(FACE).await, "access_token");
    let answer = app.post("fitbit/revoke", &[("token", &token), ("client_id", CLIENT_ID)], None).await;

    assert_eq!(answer.oauth_error(), (401, "invalid_client".to_owned()));
    assert!(!app.sandbox.grants(FACE)[0].revoked);
}

#[tokio::test]
async fn a_revocation_without_a_token_is_rejected() {
    let app = App::start();
    let form = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let answer = app.post("fitbit/revoke", &form, None).await;

    assert_eq!(answer.oauth_error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_user_can_revoke_without_the_app() {
    let app = App::start();
    let tokens = app.connect(FACE).await;
    app.connect(FACE).await;
    let live = || app.sandbox.grants(FACE).iter().filter(|grant| !grant.revoked).count();

    app.sandbox.revoke_account(FACE, "alice");
    app.sandbox.revoke_account(&ProviderProfile::OURA, "demo");
    assert_eq!(live(), 2);
    app.sandbox.revoke_account(FACE, "Demo");
    assert_eq!(live(), 0);
    let refreshed = app.refresh(FACE, &text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed.oauth_error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn basic_may_be_the_only_accepted_authentication() {
    let (app, face) = (App::start(), &ProviderProfile::STRAVA);
    let token = text(&app.connect(face).await, "refresh_token");
    assert_eq!(revoke(&app, face, &token).await, StatusCode::UNAUTHORIZED);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    assert_eq!(app.post("strava/revoke", &[("token", &token)], Some(&basic)).await.status, StatusCode::OK);
    assert!(app.sandbox.grants(face)[0].revoked);
}

#[tokio::test]
async fn the_token_alone_may_be_enough_and_works_once() {
    let (app, face) = (App::start(), &ProviderProfile::GOOGLE);
    let token = text(&app.connect(face).await, "refresh_token");
    assert_eq!(app.post("google/revoke", &[("token", &token)], None).await.status, StatusCode::OK);
    assert!(app.sandbox.grants(face)[0].revoked);
    let again = app.post("google/revoke", &[("token", &token)], None).await;
    assert_eq!(again.oauth_error(), (400, "invalid_token".to_owned()));
}

#[tokio::test]
async fn the_token_may_be_in_the_url() {
    let (app, face) = (App::start(), &ProviderProfile::COROS);
    let token = text(&app.connect(face).await, "access_token");
    for result in ["0000", "0106"] {
        let answer = app.post(&format!("coros/revoke?token={token}"), &[], None).await;
        assert_eq!((answer.status, text(&answer.json(), "result")), (StatusCode::OK, result.to_owned()));
    }
    assert!(app.sandbox.grants(face)[0].revoked);

    let token = text(&app.connect(&ProviderProfile::OURA).await, "access_token");
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        let answer = app.post(&format!("oura/revoke?access_token={token}"), &[], None).await;
        assert_eq!(answer.status, status);
    }
    assert!(app.sandbox.grants(&ProviderProfile::OURA)[0].revoked);
}

#[tokio::test]
async fn a_live_access_token_may_revoke_itself() {
    let client = format!("suunto/revoke?client_id={CLIENT_ID}");
    for (face, method, path, status) in [
        (&ProviderProfile::GARMIN, Method::DELETE, "garmin/revoke", 204),
        (&ProviderProfile::WHOOP, Method::DELETE, "whoop/revoke", 204),
        (&ProviderProfile::WAHOO, Method::DELETE, "wahoo/revoke", 204),
        (&ProviderProfile::SUUNTO, Method::GET, client.as_str(), 200),
    ] {
        let app = App::start();
        let token = format!("Bearer {}", text(&app.connect(face).await, "access_token"));
        for (authorization, status) in [("Bearer guessed", 401), (&token, status), (&token, 401)] {
            let answer = app.bare(method.clone(), path, &[("authorization", authorization)]).await;
            assert_eq!(answer.status.as_u16(), status, "{}", face.slug);
        }
        assert!(app.sandbox.grants(face)[0].revoked, "{}", face.slug);

        let expired = format!("Bearer {}", text(&app.connect(face).await, "access_token"));
        app.advance_clock(8 * 3600);
        let late = app.bare(method, path, &[("authorization", &expired)]).await;
        assert_eq!(late.status, StatusCode::UNAUTHORIZED, "{}", face.slug);
        assert!(!app.sandbox.grants(face)[1].revoked, "{}", face.slug);
    }
}

#[tokio::test]
async fn a_revocation_may_require_the_client_id() {
    let app = App::start();
    let bearer = format!("Bearer {}", text(&app.connect(&ProviderProfile::SUUNTO).await, "access_token"));
    for path in ["suunto/revoke", "suunto/revoke?client_id=other-app"] {
        let answer = app.bare(Method::GET, path, &[("authorization", &bearer)]).await;
        assert_eq!(answer.oauth_error(), (401, "invalid_client".to_owned()));
    }
    assert!(!app.sandbox.grants(&ProviderProfile::SUUNTO)[0].revoked);
}

#[tokio::test]
async fn a_deregistration_names_the_account_and_revokes_all_its_grants() {
    let (app, face) = (App::start(), &ProviderProfile::POLAR);
    let bearer = format!("Bearer {}", text(&app.connect(face).await, "access_token"));
    app.connect(face).await;
    let delete = async |account: &str| {
        let path = format!("polar/users/{account}");
        app.bare(Method::DELETE, &path, &[("authorization", &bearer)]).await.status.as_u16()
    };
    assert_eq!(delete(&face.account_id("alice")).await, 403);
    assert!(app.sandbox.grants(face).iter().all(|grant| !grant.revoked));
    assert_eq!(delete(&face.account_id("demo")).await, 204);
    assert!(app.sandbox.grants(face).iter().all(|grant| grant.revoked));
    assert_eq!(delete(&face.account_id("demo")).await, 401);
}

#[tokio::test]
async fn a_revocation_with_the_wrong_method_is_rejected() {
    let app = App::start();
    for (face, method) in [
        (&ProviderProfile::FITBIT, Method::DELETE),
        (&ProviderProfile::GOOGLE, Method::GET),
        (&ProviderProfile::GARMIN, Method::POST),
        (&ProviderProfile::SUUNTO, Method::DELETE),
        (&ProviderProfile::POLAR, Method::POST),
    ] {
        let answer = app.bare(method, &format!("{}/revoke", face.slug), &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{}", face.slug);
    }
}

async fn revoke(app: &App, face: &ProviderProfile, token: &str) -> StatusCode {
    let form = [("token", token), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    app.post(&format!("{}/revoke", face.slug), &form, None).await.status
}
