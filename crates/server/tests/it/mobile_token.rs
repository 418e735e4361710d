use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::post};
use http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_delivery::{DeliveryWorker, Log};
use terra_auth_egress::AddressPolicy;
use terra_auth_types::wire::admin::ChangeEnvironment;
use tokio::net::TcpListener;
use url::Url;

use crate::support::{Answer, TestApp};

const GONE: &str = "the token was used, has expired, or belongs to another environment; mint a new one";

async fn mint(app: &TestApp, query: &str) -> String {
    app.post_nothing(&format!("/v2/auth/tokens{query}")).await.json()["token"].as_str().unwrap().to_owned()
}

async fn redeem(app: &TestApp, token: &str, query: &str) -> Answer {
    let path = format!("/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone-1{query}");
    let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
    app.send(request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_token_is_64_hex_digits_and_new_each_time() {
    let app = TestApp::start().await;
    let mut seen = HashSet::new();
    for path in ["/v2/auth/generateAuthToken", "/v2/auth/generateAuthToken?", "/api/v2/auth/tokens"] {
        let answer = app.post_nothing(path).await.json();
        let token = answer["token"].as_str().unwrap().to_owned();
        assert_eq!((&answer["status"], &answer["expires_in"]), (&json!("success"), &json!(180)));
        assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
        assert!(seen.insert(token));
    }
}

#[tokio::test]
async fn a_token_lives_180_seconds_exactly() {
    let app = TestApp::start().await;
    let (early, late) = (mint(&app, "").await, mint(&app, "").await);
    app.clock.advance(SignedDuration::from_millis(179_999));
    let in_time = redeem(&app, &early, "").await;
    app.clock.advance(SignedDuration::from_millis(1));
    let too_late = redeem(&app, &late, "").await;

    assert_eq!(in_time.status, 200, "{in_time:?}");
    assert_eq!(too_late.problem(), (401, GONE.to_owned()));
}

#[tokio::test]
async fn a_token_works_once_in_one_environment_and_unchanged() {
    let mut app = TestApp::start().await;
    let token = mint(&app, "").await;
    assert_eq!(redeem(&app, &token, "").await.status, 200);
    assert_eq!(redeem(&app, &token, "").await.problem(), (401, GONE.to_owned()));

    let token = mint(&app, "").await;
    for at in 0..token.len() {
        let mut forged = token.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(redeem(&app, &forged, "").await.problem(), (401, GONE.to_owned()), "digit {at}");
    }
    for forged in ["", "00", &format!("{token}61"), &token[..62]] {
        assert_eq!(redeem(&app, forged, "").await.status, 401, "{forged}");
    }
    app.keys = app.another().await;
    assert_eq!(redeem(&app, &token, "").await.problem(), (401, GONE.to_owned()));
}

#[tokio::test]
async fn a_refused_redemption_does_not_spend_the_token() {
    let app = TestApp::start().await;
    let token = mint(&app, "").await;
    let request = |path: &str| {
        let request = Request::post(path.to_owned()).header("dev-id", app.keys.dev_id.as_str());
        request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    let no_device = app.send(request("/v2/auth/authenticateSDKUser?resource=APPLE")).await;
    let web = app.send(request("/v2/auth/authenticateSDKUser?resource=FITBIT&resource_user_identifier=x")).await;

    assert_eq!((no_device.problem().0, web.problem().0), (400, 400));
    assert_eq!(redeem(&app, &token, "").await.status, 200);
}

#[tokio::test]
async fn of_a_thousand_simultaneous_redeemers_one_wins() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let token = mint(&app, "").await;
    let mut tasks = tokio::task::JoinSet::new();
    for device in 0..1000 {
        let (app, token) = (app.clone(), token.clone());
        tasks.spawn(async move {
            let path = format!("/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone-{device}");
            let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
            let request = request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
            app.send(request).await.status.as_u16()
        });
    }
    let statuses = tasks.join_all().await;
    let won = statuses.iter().filter(|status| **status == 200).count();
    let lost = statuses.iter().filter(|status| **status == 401).count();

    assert_eq!((won, lost), (1, 999));
    assert_eq!(app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_bound_reference_id_overrides_the_one_of_the_app() {
    let app = TestApp::start().await;
    let bound = mint(&app, "?reference_id=alice%40example.com").await;
    let free = mint(&app, "").await;
    let by_token = redeem(&app, &bound, "&reference_id=mallory").await.json();
    let by_app = redeem(&app, &free, "&reference_id=bob").await.json();

    assert_eq!((&by_token["reference_id"], &by_app["reference_id"]), (&json!("alice@example.com"), &json!("bob")));
    assert_eq!(app.post_nothing(&format!("/v2/auth/tokens?reference_id={}", "x".repeat(513))).await.problem().0, 400);
}

#[tokio::test]
async fn a_new_device_replaces_the_connection_and_sends_an_event() {
    let app = TestApp::start().await;
    let first = redeem(&app, &mint(&app, "?reference_id=alice").await, "").await.json();
    let same = redeem(&app, &mint(&app, "?reference_id=alice").await, "").await.json();
    let token = mint(&app, "?reference_id=alice").await;
    let path = "/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone-2";
    let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
    let request = request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let second = app.send(request).await.json();
    let users = app.get("/v2/userInfo?reference_id=alice").await.json();
    let kinds: Vec<_> = app.events().await.iter().map(|event| event["type"].clone()).collect();

    assert_eq!(first["user_id"], same["user_id"]);
    assert_ne!(first["user_id"], second["user_id"]);
    assert_eq!((users.as_array().unwrap().len(), &users[0]["user_id"]), (1, &second["user_id"]));
    assert_eq!(kinds, ["auth", "auth", "user_reauth"]);
}

async fn redeem_on(app: &TestApp, device: &str, token: &str, query: &str) -> Answer {
    let path = format!("/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier={device}{query}");
    let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
    app.send(request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_environment_may_reject_tokens_that_are_not_bound() {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { bound_tokens_only: Some(true), ..Default::default() }).await;
    let unbound = mint(&app, "").await;
    let reason = "this environment accepts only tokens that were minted for a reference id; mint one with reference_id";
    for query in ["", "&reference_id=alice", "&resource=NONSENSE"] {
        let refused = redeem(&app, &unbound, query).await;
        assert_eq!(refused.problem(), (401, reason.to_owned()), "{query}");
        assert_eq!(refused.json()["code"], "unbound_token");
    }
    let bound = mint(&app, "?reference_id=alice").await;
    assert_eq!(redeem(&app, &bound, "").await.json()["reference_id"], "alice");
    app.change(ChangeEnvironment { bound_tokens_only: Some(false), ..Default::default() }).await;
    assert_eq!(redeem(&app, &unbound, "&reference_id=alice").await.status, 200, "the refusals did not spend it");
}

#[tokio::test]
async fn an_unbound_token_never_gets_the_user_id_of_another_device() {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { keep_user_id: Some(true), ..Default::default() }).await;
    let token = mint(&app, "?reference_id=alice").await;
    let alice = redeem_on(&app, "phone-1", &token, "").await.json()["user_id"].clone();
    let token = mint(&app, "").await;
    let other = redeem_on(&app, "phone-2", &token, "&reference_id=alice").await.json()["user_id"].clone();
    let token = mint(&app, "?reference_id=alice").await;
    let again = redeem_on(&app, "phone-3", &token, "").await.json()["user_id"].clone();

    assert_ne!(alice, other);
    assert_eq!(again, other, "a bound token keeps the id, as the environment wants it");
    let events = app.events().await;
    let reauth: Vec<_> = events.iter().filter(|event| event["type"] == "user_reauth").collect();
    assert_eq!(reauth.len(), 1);
    assert_eq!((&reauth[0]["old_user"]["user_id"], &reauth[0]["new_user"]["user_id"]), (&alice, &other));
    let message = reauth[0]["message"].as_str().unwrap();
    assert!(message.contains("another device named this user, with a token that was not bound"), "{message}");
}

#[tokio::test]
async fn only_a_genuine_token_learns_that_the_environment_is_disabled() {
    let app = TestApp::start().await;
    let token = mint(&app, "").await;
    app.change(ChangeEnvironment { active: Some(false), ..Default::default() }).await;
    for query in ["", "&resource=NONSENSE", "&reference_id=%00"] {
        assert_eq!(redeem(&app, "junk", query).await.problem(), (401, GONE.to_owned()), "{query}");
    }
    let genuine = redeem(&app, &token, "").await;
    assert_eq!((genuine.status.as_u16(), &genuine.json()["code"]), (403, &json!("environment_disabled")));
}

/// A receiver that answers `auth` late; tells what came, and when it was answered.
async fn slow_receiver() -> (Url, Arc<Mutex<Vec<String>>>) {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&log);
    let receive = async move |axum::Json(event): axum::Json<Value>| {
        let kind = event["type"].as_str().unwrap().to_owned();
        kept.lock().unwrap().push(format!("{kind} came"));
        tokio::time::sleep(Duration::from_millis(if kind == "auth" { 300 } else { 0 })).await;
        kept.lock().unwrap().push(format!("{kind} answered"));
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().route("/events", post(receive));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, log)
}

#[tokio::test]
async fn user_reauth_comes_after_its_auth_was_answered() {
    let app = TestApp::start().await;
    let (url, log) = slow_receiver().await;
    let worker = DeliveryWorker::new(app.auth.clone(), AddressPolicy::AllowPrivate, Arc::new(Log::default())).unwrap();
    let token = mint(&app, "?reference_id=alice").await;
    redeem_on(&app, "phone-1", &token, "").await;
    worker.run_once().await.unwrap();
    app.change(ChangeEnvironment { destination: Some(Some(url)), ..Default::default() }).await;
    for (device, reference_id) in [("phone-2", "alice"), ("phone-3", "bob")] {
        let token = mint(&app, &format!("?reference_id={reference_id}")).await;
        redeem_on(&app, device, &token, "").await;
    }
    worker.run_once().await.unwrap();
    let log = log.lock().unwrap().clone();
    let at = |line: &str| log.iter().position(|found| found == line).unwrap();
    assert_eq!(log.len(), 6, "{log:?}");
    assert_eq!(&log[..2], ["auth came", "auth came"], "two users do not wait for each other");
    assert!(at("user_reauth came") > at("auth answered"), "{log:?}");
}

#[tokio::test]
async fn streaming_tokens_take_headers_or_basic_and_are_no_mobile_tokens() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let app = TestApp::start().await;
    let by_headers = app.post_nothing("/auth/developer").await;
    let pair = STANDARD.encode(format!("{}:{}", app.keys.dev_id, app.keys.api_key.expose()));
    let basic = Request::post("/auth/developer").header("authorization", format!("Basic {pair}"));
    let by_basic = app.send(basic.body(Body::empty()).unwrap()).await;
    let nobody = app.send(Request::post("/auth/developer").body(Body::empty()).unwrap()).await;
    let wrong = Request::post("/auth/developer").header("authorization", format!("Basic {}", STANDARD.encode("a:b")));
    let wrong = app.send(wrong.body(Body::empty()).unwrap()).await;

    assert_eq!((by_headers.status.as_u16(), by_basic.status.as_u16()), (200, 200));
    assert_eq!((nobody.problem().0, wrong.problem().0), (400, 403));
    let token = by_headers.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(redeem(&app, &token, "").await.status, 401);
    let user = app.connected_user("FITBIT", "alice").await;
    assert_eq!(app.post_nothing(&format!("/auth/user?id={user}")).await.status, 200);
    assert_eq!(app.post_nothing("/auth/user").await.problem().0, 400);
}

/// A clock that jumps, or a node whose clock is ahead, makes the tidying early.
#[tokio::test]
async fn a_used_token_stays_used_when_the_clock_is_set_back_by_a_day() {
    let app = TestApp::start().await;
    let token = mint(&app, "").await;
    assert_eq!(redeem(&app, &token, "").await.status, 200);
    let day = SignedDuration::from_hours(24);
    app.clock.advance(day);
    app.auth.delete_expired().await.unwrap();
    app.clock.advance(-day);
    assert_eq!(redeem(&app, &token, "").await.problem(), (401, GONE.to_owned()));
}
