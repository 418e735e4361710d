use axum::{Router, routing::get};
use http::{Request, StatusCode};

use crate::world::{World, answer_of, config};

#[tokio::test]
async fn the_app_serves_its_own_paths_and_the_gateway_the_others() {
    let world = World::start().await;
    let app = Router::new().route("/", get(async || "the app")).layer(world.gateway.layer());
    let ask = |method: &str, path: &str, user: Option<&str>| {
        let request = Request::builder().method(method).uri(path);
        let request = user.into_iter().fold(request, |request, user| request.header("x-user", user));
        let app = app.clone();
        async move { answer_of(&app, request.body(axum::body::Body::empty()).unwrap()).await }
    };

    assert_eq!(ask("GET", "/", None).await.text, "the app");
    assert_eq!(ask("GET", "/nowhere", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask("POST", "/api/terra/mobile-token", None).await.refusal().0, 401);
    let minted = ask("POST", "/api/terra/mobile-token", Some("alice")).await;
    assert_eq!(minted.json()["reference_id"], "alice");
    assert_eq!(ask("POST", "/webhooks/terra", None).await.refusal().0, 401);
    assert!(ask("GET", "/terra.js", None).await.text.contains("export"));
}

#[tokio::test]
async fn a_reload_affects_later_requests_and_an_invalid_one_changes_nothing() {
    let world = World::start().await;
    let limit = async || world.call("alice", "GET", "/api/terra/connections", serde_json::Value::Null).await;
    assert_eq!(limit().await.header("ratelimit-policy"), r#""user";q=60;w=60"#);

    world.gateway.reload(&config("[limits]\nuser_per_minute = 7\n", world.credentials())).unwrap();
    assert_eq!(limit().await.header("ratelimit-policy"), r#""user";q=7;w=60"#);

    let bad = config("[cors]\nallowed_origins = [\"app.example\"]\n", world.credentials());
    let error = world.gateway.reload(&bad).unwrap_err();
    assert!(error.to_string().contains("cors.allowed_origins"), "{error}");
    assert_eq!(limit().await.header("ratelimit-policy"), r#""user";q=7;w=60"#);
}

#[tokio::test]
async fn without_any_login_there_is_no_gateway() {
    let world = World::start().await;
    let mut config = config("", world.credentials());
    config.logins.clear();
    assert!(world.gateway.reload(&config).unwrap_err().to_string().contains("login"));
}

#[tokio::test]
async fn a_reload_does_not_reset_unchanged_settings() {
    let world = World::with("[limits]\nuser_per_minute = 2\n").await;
    let list = async || world.call("alice", "GET", "/api/terra/connections", serde_json::Value::Null).await.status;
    assert_eq!((list().await.as_u16(), list().await.as_u16(), list().await.as_u16()), (200, 200, 429));

    let settings = "[limits]\nuser_per_minute = 2\n[cors]\nallowed_origins = [\"https://app.example\"]\n";
    world.gateway.reload(&config(settings, world.credentials())).unwrap();

    assert_eq!(list().await.as_u16(), 429, "a reload is no way to a new budget");
}

#[tokio::test]
async fn a_removed_secret_verifies_no_login() {
    let world = World::start().await;
    let settings = "[login.jwt]\nissuer = \"https://127.0.0.1:9/\"\naudience = [\"app\"]\n";
    let mut with_secret = config(settings, world.credentials());
    with_secret.jwt_secret = Some("a-secret-of-32-bytes-not-a-secret".into());
    world.gateway.reload(&with_secret).unwrap();
    let token = |request: http::request::Builder| {
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        let claims = serde_json::json!({
            "iss": "https://127.0.0.1:9/", "aud": "app", "sub": "alice", "exp": world.now() + 600,
        });
        let key = jsonwebtoken::EncodingKey::from_secret(b"a-secret-of-32-bytes-not-a-secret");
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        request.header("authorization", format!("Bearer {token}")).body(axum::body::Body::empty()).unwrap()
    };
    let list = async || world.send(token(http::Request::get("/api/terra/connections"))).await.status.as_u16();
    assert_eq!(list().await, 200);

    world.gateway.reload(&config(settings, world.credentials())).unwrap();

    assert_ne!(list().await, 200);
}
