//! Searches the logs, `Debug` outputs and errors of the client for secrets.

use std::{
    error::Error as _,
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
};

use futures_util::TryStreamExt as _;
use serde_json::json;
use terra_auth::{
    AuthenticateUserRequest, Client, Error, WidgetSessionRequest,
    admin::AdminClient,
    wire::admin::{CreateKey, RetireKey, RotateSigningSecret},
};
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt as _};

use crate::peer::{self, Peer, RecordedRequest, answer, credentials, json as ok, unreachable_address, user_id};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures all logs of this thread down to trace level, from every crate. The test's runtime has no other thread.
    ///
    /// With a single dispatcher, `tracing` decides about an event by the dispatcher of the first thread that reaches it,
    /// which may be that of another test. The second dispatcher prevents this.
    fn capture(&self) -> (Dispatch, DefaultGuard) {
        let second = Dispatch::new(NoSubscriber::default());
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
        (second, subscriber.with_writer(move || log.clone()).finish().set_default())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs every operation. Returns the text that a program might print of each result.
async fn run_all(client: &Client) -> String {
    let mut shown = String::new();
    let mut show = |outcome: Result<String, Error>| match outcome {
        Ok(text) => writeln!(shown, "{text}").unwrap(),
        Err(error) => {
            writeln!(shown, "{error} {error:?} {error:#?}").unwrap();
            let mut cause = error.source();
            while let Some(error) = cause {
                writeln!(shown, "{error} {error:?}").unwrap();
                cause = error.source();
            }
        }
    };
    let reference_id = "alice".parse().unwrap();
    let login = AuthenticateUserRequest::new("FITBIT".parse().unwrap());
    let widget = WidgetSessionRequest::new();
    show(Ok(format!("{client:?}")));
    show(client.generate_widget_session(&widget).await.map(|session| format!("{session:?}")));
    show(client.generate_mobile_token(Some(&reference_id)).await.map(|token| format!("{token:?}")));
    show(client.authenticate_user(&login).await.map(|link| format!("{link:?}")));
    show(client.deauthenticate_user(user_id(1)).await.map(|()| String::new()));
    show(client.list_integrations().await.map(|list| format!("{list:?}")));
    show(client.verify_connection().await.map(|list| format!("{list:?}")));
    show(client.user_info(user_id(1)).await.map(|info| format!("{info:?}")));
    show(client.users_by_reference_id(&reference_id).await.map(|users| format!("{users:?}")));
    show(client.bulk_user_info(&[user_id(1)]).await.map(|users| format!("{users:?}")));
    show(client.subscriptions().try_collect::<Vec<_>>().await.map(|users| format!("{users:?}")));
    show(client.developer_streaming_token().await.map(|token| format!("{token:?}")));
    show(client.user_streaming_token(user_id(1)).await.map(|token| format!("{token:?}")));
    shown
}

/// Runs the operations of an operator. Returns the text that a program might print of each result.
async fn administer(admin: &AdminClient) -> String {
    let (dev_id, key) = ("acme-testing-0000000000".parse().unwrap(), user_id(1).to_string().parse().unwrap());
    [
        format!("{admin:?}"),
        format!("{:?}", admin.list_environments().await),
        format!("{:?}", admin.create_api_key(&dev_id, &CreateKey::default()).await),
        format!("{:#?}", admin.rotate_api_key(&dev_id, key, RetireKey::default()).await),
        format!("{:?}", admin.rotate_signing_secret(&dev_id, RotateSigningSecret::default()).await),
        format!("{:?}", admin.rotate_hosted_api_key(&dev_id).await),
        format!("{:?}", admin.audit(0).try_collect::<Vec<_>>().await),
    ]
    .join("\n")
}

/// Returns responses whose secrets can be searched for.
fn good(seen: &RecordedRequest, _: usize) -> axum::response::Response {
    let path = seen.line.split([' ', '?']).nth(1).unwrap();
    ok(&match path {
        "/api/widget/session" => {
            json!({"session_id": user_id(9).to_string(), "url": "https://w.example.com/9?s=url-not-a-secret"})
        }
        "/v2/auth/authenticateUser" => {
            json!({"user_id": user_id(9).to_string(), "auth_url": "https://a.example.com/?s=url-not-a-secret"})
        }
        "/v2/userInfo" if seen.line.contains("user_id") => {
            json!({"user": peer::user(1), "is_authenticated": true})
        }
        "/v2/userInfo" | "/v2/bulkUserInfo" => json!([peer::user(1)]),
        "/v2/subscriptions" => json!({"users": []}),
        "/v2/integrations/detailed" => json!({"providers": []}),
        path if path.ends_with("/keys") || path.ends_with("/rotate") => {
            let key = json!({"key_id": user_id(1).to_string(), "name": "first key", "hint": "0000",
                "scopes": [], "created_at": "2030-01-01T00:00:00Z"});
            json!({"dev_id": "acme-testing-0000000000", "api_key": "key-not-a-secret", "key": key, "retiring": [],
                "signing_secret": "signing-not-a-secret"})
        }
        _ => json!({"status": "success", "token": "token-not-a-secret", "expires_in": 180}),
    })
}

#[tokio::test]
async fn no_log_and_no_output_contains_a_secret() {
    let log = Log::default();
    let _capture = log.capture();
    let (_socket, free) = unreachable_address();
    let mut shown = run_all(&Client::builder(credentials(&free)).retries(0).build().unwrap()).await;
    let peer = Peer::start(good).await;
    shown += &run_all(&peer.client()).await;
    shown += &administer(&peer.admin()).await;
    for status in [200, 302, 401, 403, 404, 410, 500] {
        // A server that repeats its request, including the keys.
        let echo = Peer::start(move |seen, _| answer(status, format!("{:?} {}", seen.headers, seen.body))).await;
        shown += &run_all(&echo.builder().retries(usize::from(status == 500)).build().unwrap()).await;
        shown += &administer(&echo.admin()).await;
        let echo =
            Peer::start(move |seen, _| answer(status, json!({"detail": format!("{:?}", seen.headers)}).to_string()));
        shown += &run_all(&echo.await.builder().retries(usize::from(status == 500)).build().unwrap()).await;
    }

    let log = log.text();
    assert!(log.contains("answered") && log.contains("retrying in") && log.contains("connect"), "the log is captured");
    for part in ["[redacted]", "WidgetSession", "IssuedKey", "RotatedSigningSecret", "HostedApiKey"] {
        assert!(shown.contains(part), "the outcomes are shown");
    }
    for text in [log, shown] {
        let line = text.lines().find(|line| line.contains("not-a-secret"));
        assert_eq!(line, None);
    }
}
