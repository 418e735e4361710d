use std::{future::pending, time::Duration};

use axum::{
    Json,
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use serde_json::{Value, json};

use super::{UNAVAILABLE, World, settings};
use crate::{
    login::{Login as _, testing::eventually},
    settings::WhoAmISettings,
};

const NO_USER: &str = "not logged in: the app reports that no user is logged in";

async fn told_after(settings: WhoAmISettings, response: fn() -> Response) -> String {
    World::new(settings, async move |_| response()).await.told("1").await
}

async fn told_after_json(field: &str, body: Value) -> String {
    let settings = WhoAmISettings { user_field: Some(field.to_owned()), ..settings() };
    World::new(settings, async move |_| Json(body).into_response()).await.told("1").await
}

#[tokio::test]
async fn only_the_configured_headers_are_passed_on_to_the_app() {
    let world = World::new(settings(), async |headers: HeaderMap| {
        let mut all: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        all.retain(|header| !header.starts_with("host=") && !header.starts_with("user-agent="));
        all.sort();
        Json(json!({ "id": all.join(" ") })).into_response()
    })
    .await;
    let headers =
        [("cookie", "session=1"), ("authorization", "Bearer x"), ("x-forwarded-for", "1.1.1.1"), ("accept", "*/*")];
    let identity = world.caller(&headers).await.unwrap().unwrap();
    let seen = "accept-encoding=gzip accept=application/json authorization=Bearer x cookie=session=1";
    assert_eq!(identity.reference_id.as_str(), seen);
    assert_eq!(world.caller(&[("x-session", "1"), ("accept", "*/*")]).await.unwrap(), None);
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn credentials_that_a_browser_sends_by_itself_are_detected() {
    let pass_on = Some(["cookie", "authorization", "x-session"].map(str::to_owned).to_vec());
    let settings = WhoAmISettings { pass_on, ..settings() };
    let world = World::new(settings, async |_| Json(json!({ "id": 7 })).into_response()).await;
    for (headers, ambient) in [
        (&[("cookie", "session=1")][..], true),
        (&[("authorization", "Bearer x"), ("cookie", "session=1")], true),
        (&[("authorization", "basic eDp5")], true),
        (&[("authorization", "Negotiate x")], true),
        (&[("authorization", "Bearer x")], false),
        (&[("authorization", "Token x")], false),
        (&[("x-session", "1")], false),
    ] {
        let identity = world.caller(headers).await.unwrap().unwrap();
        assert_eq!((identity.reference_id.as_str(), identity.sent_by_browser), ("7", ambient), "{headers:?}");
    }
}

#[tokio::test]
async fn the_user_is_read_from_the_configured_field_or_header() {
    assert_eq!(told_after_json("id", json!({ "id": "alice" })).await, "alice");
    assert_eq!(told_after_json("data.user.id", json!({ "data": { "user": { "id": 42 } } })).await, "42");
    let by_header = || WhoAmISettings { user_header: Some("X-User".to_owned()), ..settings() };
    assert_eq!(told_after(by_header(), || ([("x-user", "alice")], Html("hello")).into_response()).await, "alice");
    let without = told_after(by_header(), || Json(json!({ "id": "alice" })).into_response()).await;
    assert!(without.starts_with("not logged in: ") && without.contains("user_header"), "{without}");
    let anonymous = told_after(by_header(), || ([("x-user", "(null)")], Html("hello")).into_response()).await;
    assert_eq!(anonymous, NO_USER);
    let twice = || {
        let mut response = StatusCode::OK.into_response();
        response.headers_mut().append("x-user", HeaderValue::from_static("alice"));
        response.headers_mut().append("x-user", HeaderValue::from_static("bob"));
        response
    };
    assert_eq!(told_after(by_header(), twice).await, UNAVAILABLE);
}

#[tokio::test]
async fn no_login_succeeds_if_the_app_knows_no_user() {
    const UNKNOWN: &str = "not logged in: the app rejected these credentials";
    for body in [
        json!(null),
        json!({}),
        json!([]),
        json!(false),
        json!(""),
        json!({ "user": null }),
        json!({ "user": {} }),
        json!({ "user": [] }),
        json!({ "user": false }),
        json!({ "user": 0 }),
        json!({ "user": "anonymous" }),
        json!({ "user": { "id": null } }),
        json!({ "user": { "id": 0 } }),
        json!({ "user": { "id": "" } }),
        json!({ "user": { "id": " " } }),
        json!({ "user": { "id": false } }),
        json!({ "user": { "id": {} } }),
        json!({ "user": { "id": "AnonymousUser" } }),
        json!({ "authenticated": false }),
        json!({ "user": { "id": 7, "is_authenticated": false } }),
    ] {
        assert_eq!(told_after_json("user.id", body.clone()).await, NO_USER, "{body}");
    }
    for body in [json!({ "expires": "2031-01-01" }), json!({ "user": { "name": "alice" } }), json!({ "id": "alice" })] {
        let told = told_after_json("user.id", body.clone()).await;
        assert!(told.starts_with("not logged in: ") && told.contains("user_field"), "{body}: {told}");
    }
    assert_eq!(told_after(settings(), || StatusCode::OK.into_response()).await, NO_USER);
    assert_eq!(told_after(settings(), || StatusCode::NO_CONTENT.into_response()).await, NO_USER);
    assert_eq!(told_after(settings(), || StatusCode::UNAUTHORIZED.into_response()).await, UNKNOWN);
    assert_eq!(told_after(settings(), || StatusCode::FORBIDDEN.into_response()).await, UNKNOWN);
    let redirect = || (StatusCode::FOUND, [(LOCATION, "/login")]).into_response();
    assert_eq!(told_after(settings(), redirect).await, "not logged in: the app redirected to its login");
}

#[tokio::test]
async fn an_unclear_response_is_reported_as_unavailable_and_not_as_logged_out() {
    for body in [
        json!("alice"),
        json!(["alice"]),
        json!({ "user": "alice" }),
        json!({ "user": true }),
        json!({ "user": { "id": { "name": "alice" } } }),
        json!({ "user": { "id": ["alice"] } }),
        json!({ "user": { "id": true } }),
        json!({ "user": { "id": 1.5 } }),
        json!({ "user": { "id": "a\nb" } }),
        json!({ "user": { "id": "alice" }, "more": "x".repeat(64 * 1024) }),
    ] {
        assert_eq!(told_after_json("user.id", body.clone()).await, UNAVAILABLE, "{body:.80}");
    }
    let responses: [fn() -> Response; 5] = [
        || Html("<h1>Welcome, alice</h1>").into_response(),
        || "{\"id\": \"alice\"".into_response(),
        || StatusCode::NOT_FOUND.into_response(),
        || StatusCode::TOO_MANY_REQUESTS.into_response(),
        || StatusCode::BAD_GATEWAY.into_response(),
    ];
    for response in responses {
        assert_eq!(told_after(settings(), response).await, UNAVAILABLE, "{:?}", response());
    }
}

#[tokio::test]
async fn an_app_that_fails_is_unavailable_for_a_while() {
    let world = World::new(settings(), async |_| StatusCode::BAD_GATEWAY.into_response()).await;
    assert!(world.login.reachable().await.is_ok());
    assert_eq!(world.told("1").await, UNAVAILABLE);
    world.pass(9_999);
    assert!(world.login.reachable().await.is_err());
    world.pass(1); // the failure expires without another call
    assert!(world.login.reachable().await.is_ok());
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_call_to_an_app_that_hangs_ends_with_the_timeout() {
    let world = World::new(settings(), async |_| pending().await).await;
    let waiting = async { tokio::join!(world.told("1"), world.told("1"), world.told("2")) };
    let time = async {
        eventually(async || world.asked() == 2).await;
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(3)).await;
        tokio::time::resume();
    };
    let ((first, second, third), ()) = tokio::join!(waiting, time);
    assert_eq!([first, second, third], [UNAVAILABLE; 3]);
    assert_eq!(world.asked(), 2); // requests with the same cookie share one call, and fail together
}
