//! A folder to run the command in, and an API with three environments.

use std::{net::TcpListener, thread, time::Duration};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use terra_auth_cli_testkit::Folder;

pub(crate) const FILE: &str = ".env.terra.testing";

/// The dev-id of an environment of the API.
pub(crate) fn dev_id(environment: &str) -> String {
    format!("acme-{environment}-0000000000")
}

/// The key of an environment. The API also accepts an older key, which has the prefix `older-`.
pub(crate) fn key(environment: &str) -> String {
    format!("{environment}-key-not-a-secret")
}

/// The dev-id and the key as lines of a file, with a prefix before the names.
pub(crate) fn lines(environment: &str, prefix: &str) -> String {
    let (dev_id, key) = (dev_id(environment), key(environment));
    format!("{prefix}TERRA_DEV_ID={dev_id}\n{prefix}TERRA_API_KEY={key}\n")
}

/// Starts an API that accepts the keys of each environment; returns its URL.
pub(crate) fn api() -> String {
    slow_api(Duration::ZERO)
}

/// Like [`api`], with a delay before each response.
pub(crate) fn slow_api(delay: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v2", listener.local_addr().unwrap());
    let answer = move |uri: Uri, headers: HeaderMap| async move {
        tokio::time::sleep(delay).await;
        answer(uri.path(), &headers)
    };
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(answer)).await
        })
    });
    url
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let given = ["dev-id", "x-api-key"].map(|name| headers.get(name).map_or("", |value| value.to_str().unwrap()));
    let known = |environment: &str| {
        let older = format!("older-{}", key(environment));
        given[0] == dev_id(environment) && [key(environment), older].iter().any(|key| key == given[1])
    };
    match path {
        "/v2/integrations/detailed" => {
            Json(json!({ "providers": [{ "provider": "FITBIT", "name": "Fitbit", "enabled": true }] })).into_response()
        }
        "/v2/subscriptions" if ["testing", "staging", "production"].iter().any(|environment| known(environment)) => {
            Json(json!({ "users": [] })).into_response()
        }
        "/v2/subscriptions" => (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "unknown keys" }))).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A folder with a credential file for each of these environments.
pub(crate) fn folder_with(environments: &[&str], url: &str) -> Folder {
    let folder = Folder::new();
    for environment in environments {
        let text = format!("{}TERRA_API_URL={url}\n", lines(environment, ""));
        folder.write(&format!(".env.terra.{environment}"), &text);
    }
    folder
}
