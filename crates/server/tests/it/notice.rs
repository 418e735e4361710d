//! Providers tell, of their own accord, that somebody took access back; and so could anybody.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, routing::post};
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth_delivery::{DeliveryWorker, Log};
use terra_auth_egress::AddressPolicy;
use terra_auth_sandbox::ProviderProfile;
use terra_auth_types::wire::admin::ChangeEnvironment;
use tokio::{net::TcpListener, sync::mpsc};
use url::Url;

use crate::support::{Answer, TestApp};

const TELLING: [&ProviderProfile; 3] = [&ProviderProfile::STRAVA, &ProviderProfile::FITBIT, &ProviderProfile::GARMIN];

async fn post_notice(app: &TestApp, face: &ProviderProfile, body: impl Into<Body>) -> Answer {
    let request = http::Request::post(format!("/auth/{}/notice", face.slug)).header("content-type", "application/json");
    app.send(request.body(body.into()).unwrap()).await
}

/// Posts what the face would, and waits until it was looked after.
async fn told(app: &TestApp, face: &ProviderProfile, account: &str) -> Answer {
    let answer = post_notice(app, face, app.sandbox.revocation_notification(face, account).unwrap()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    answer
}

async fn refreshes(app: &TestApp, face: &ProviderProfile) -> u32 {
    app.auth.refresh_due().await.unwrap();
    app.sandbox.grants(face).iter().map(|grant| grant.refreshes).sum()
}

async fn is_active(app: &TestApp, user: &str) -> bool {
    app.get(&format!("/v2/userInfo?user_id={user}")).await.json()["user"]["active"] == true
}

/// An app that keeps what it is sent.
async fn receiver() -> (Url, mpsc::UnboundedReceiver<Value>) {
    let (tell, told) = mpsc::unbounded_channel();
    let keep = |State(tell): State<mpsc::UnboundedSender<Value>>, axum::Json(event): axum::Json<Value>| async move {
        tell.send(event).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().route("/events", post(keep)).with_state(tell);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, told)
}

#[tokio::test]
async fn a_revocation_at_the_provider_sends_an_event_to_the_app() {
    let app = TestApp::start().await;
    let (url, mut events) = receiver().await;
    app.change(ChangeEnvironment { destination: Some(Some(url)), ..Default::default() }).await;
    let worker = DeliveryWorker::new(app.auth.clone(), AddressPolicy::AllowPrivate, Arc::new(Log::default())).unwrap();
    for face in TELLING {
        let user = app.connected_user(&face.slug.to_uppercase(), "alice").await;
        assert_eq!(refreshes(&app, face).await, 0, "nothing is due");
        app.sandbox.revoke_account(face, "demo");
        assert!(told(&app, face, "demo").await.status.is_success());
        app.auth.refresh_due().await.unwrap();
        worker.run_once().await.unwrap();

        let mut kinds = Vec::new();
        while let Ok(event) = events.try_recv() {
            assert_eq!(event["user"]["user_id"], user.as_str());
            kinds.push(event["type"].as_str().unwrap().to_owned());
        }
        assert_eq!(kinds, ["auth", "access_revoked"], "{}", face.slug);
        assert!(!is_active(&app, &user).await);
    }
}

#[tokio::test]
async fn a_forged_notice_costs_one_refresh_and_changes_nothing() {
    let app = TestApp::start().await;
    for face in TELLING {
        let user = app.connected_user(&face.slug.to_uppercase(), "alice").await;
        for _ in 0..5 {
            told(&app, face, "demo").await;
            assert_eq!(refreshes(&app, face).await, 1, "{}", face.slug);
        }
        assert!(is_active(&app, &user).await);
        app.clock.advance(SignedDuration::from_mins(61));
        told(&app, face, "demo").await;
        assert_eq!(refreshes(&app, face).await, 2, "{}", face.slug);
    }
    assert!(app.events().await.iter().all(|event| event["type"] == "auth"));
}

#[tokio::test]
async fn nobody_learns_from_an_answer_who_is_known() {
    let app = TestApp::start().await;
    app.connected_user("STRAVA", "alice").await;
    let known = told(&app, &ProviderProfile::STRAVA, "demo").await;
    let unknown = told(&app, &ProviderProfile::STRAVA, "nobody").await;
    let nonsense = post_notice(&app, &ProviderProfile::STRAVA, "nonsense").await;
    for answer in [&known, &unknown, &nonsense] {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    }
    assert_eq!(told(&app, &ProviderProfile::FITBIT, "nobody").await.status, 204, "as Fitbit wants it");
}

#[tokio::test]
async fn notices_have_bounds() {
    let app = TestApp::start().await;
    let large = vec![b' '; (64 << 10) + 1];
    assert_eq!(post_notice(&app, &ProviderProfile::STRAVA, large).await.status, 413);
    assert_eq!(post_notice(&app, &ProviderProfile::OURA, "{}").await.status, 404, "Oura tells nothing");
    let many: Vec<_> = (0..100).map(|id| serde_json::json!({ "userId": id })).collect();
    let many = serde_json::json!({ "deregistrations": many }).to_string();
    assert_eq!(post_notice(&app, &ProviderProfile::GARMIN, many).await.status, 200);
}

#[tokio::test]
async fn forged_notices_never_shut_out_genuine_ones() {
    let app = TestApp::start().await;
    app.connected_user("STRAVA", "alice").await;
    for number in 0..1000 {
        let forged =
            app.sandbox.revocation_notification(&ProviderProfile::STRAVA, &format!("nobody-{number}")).unwrap();
        assert_eq!(post_notice(&app, &ProviderProfile::STRAVA, forged).await.status, 200);
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&app, &ProviderProfile::STRAVA, "demo").await.status, 200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(refreshes(&app, &ProviderProfile::STRAVA).await, 1);
}

#[tokio::test]
async fn a_verification_request_needs_the_agreed_token() {
    let app = TestApp::start().await;
    for (path, status, text) in [
        (
            "strava/notice?hub.mode=subscribe&hub.challenge=c%201&hub.verify_token=agreed-upon",
            200,
            r#"{"hub.challenge":"c 1"}"#,
        ),
        ("strava/notice?hub.mode=subscribe&hub.challenge=c1&hub.verify_token=guessed", 404, ""),
        ("strava/notice?hub.mode=subscribe&hub.challenge=c1", 404, ""),
        ("strava/notice?hub.mode=subscribe&hub.verify_token=agreed-upon", 404, ""),
        ("fitbit/notice?verify=agreed-upon", 204, ""),
        ("fitbit/notice?verify=guessed", 404, ""),
        ("garmin/notice?verify=agreed-upon", 404, ""),
        ("oura/notice", 404, ""),
        ("nosuch/notice", 404, ""),
    ] {
        let answer = app.page(&format!("/auth/{path}"), &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(status == 404 || answer.text == text, "{path}: {}", answer.text);
    }
}
