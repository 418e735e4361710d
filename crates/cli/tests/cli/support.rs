use std::{net::TcpListener, thread};

use axum::{
    Json, Router,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

pub(crate) const DEV_ID: &str = "acme-testing-0000000000";
pub(crate) const API_KEY: &str = "test-key-not-a-secret";
pub(crate) const SIGNING_SECRET: &str = "signing-not-a-secret";
pub(crate) const FILE: &str = ".env.terra.testing";
/// The only user of the scripted API.
pub(crate) const USER: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const UNKNOWN_USER: &str = "00000000-0000-4000-8000-000000000002";

/// Starts an API with one environment and one user; returns its URL.
pub(crate) fn api() -> String {
    serve(Router::new().fallback(answer))
}

/// Serves on a separate thread; returns the URL.
pub(crate) fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v2", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        })
    });
    url
}

async fn answer(method: Method, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let keys = ["dev-id", "x-api-key"].map(|name| headers.get(name).map(|value| value.to_str().unwrap()));
    if path == "/v2/integrations/detailed" {
        return Json(integrations()).into_response();
    }
    if keys != [Some(DEV_ID), Some(API_KEY)] {
        return refusal(StatusCode::UNAUTHORIZED, "unknown dev-id or x-api-key");
    }
    match (method.as_str(), path) {
        ("GET", "/v2/subscriptions") => Json(json!({ "next": null, "results": [user(), user()] })).into_response(),
        ("POST", "/v2/auth/tokens") => Json(json!({ "token": "a-mobile-token", "expires_in": 180 })).into_response(),
        ("POST", "/api/widget/session") => session(&body),
        ("GET", "/v2/userInfo") if query.starts_with("reference_id=") => Json(json!([user()])).into_response(),
        ("GET", "/v2/userInfo") if query.ends_with(USER) => {
            Json(json!({ "user": user(), "is_authenticated": true })).into_response()
        }
        ("DELETE", "/v2/auth/deauthenticateUser") if query.ends_with(USER) => {
            Json(json!({ "status": "success" })).into_response()
        }
        _ => refusal(StatusCode::NOT_FOUND, "user not found"),
    }
}

fn refusal(status: StatusCode, detail: &str) -> Response {
    let problem = json!({ "type": "about:blank", "title": "refused", "instance": "/", "detail": detail });
    (status, [("x-terra-trace-id", "trace-1")], Json(problem)).into_response()
}

fn session(body: &str) -> Response {
    let asked: Value = serde_json::from_str(body).unwrap();
    let url = format!("http://127.0.0.1:1/session/{USER}?language={}", asked["language"].as_str().unwrap_or("none"));
    let warnings = asked["providers"].as_str().filter(|names| names.contains("NOSUCH")).map(|_| "NOSUCH is unknown");
    let session = json!({ "session_id": USER, "url": url, "expires_in": 900, "warnings": Vec::from_iter(warnings) });
    (StatusCode::CREATED, Json(session)).into_response()
}

fn integrations() -> Value {
    let icon = "https://app.example.com/fitbit.webp";
    json!({ "providers": [
        { "provider": "FITBIT", "name": "Fitbit", "icon": icon, "enabled": true, "types": { "sleep": true } },
        { "provider": "OURA", "name": "Oura\u{1b}[31m", "enabled": false },
    ] })
}

fn user() -> Value {
    json!({
        "user_id": USER, "provider": "FITBIT", "reference_id": "alice", "active": true,
        "created_at": "2030-01-01T10:00:00.000000+00:00", "scopes": "sleep", "last_webhook_update": null,
    })
}

/// A folder with a credential file for the API at `url`.
pub(crate) fn folder_with_keys(url: &str) -> Folder {
    let folder = Folder::new();
    let keys = format!("TERRA_DEV_ID={DEV_ID}\nTERRA_API_KEY={API_KEY}\nTERRA_API_URL={url}\n");
    folder.write(FILE, &format!("{keys}TERRA_SIGNING_SECRET={SIGNING_SECRET}\n"));
    folder
}
