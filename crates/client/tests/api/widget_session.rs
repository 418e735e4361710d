use serde_json::{Value, json};
use terra_auth::{Error, WidgetSessionRequest};

use crate::peer::{Peer, answer, json as ok, user_id};

const SESSION: &str = r#"{"session_id":"00000000-0000-4000-8000-000000000009",
    "url":"https://widget.example.com/session/9?s=url-secret","status":"success","expires_in":900}"#;

#[tokio::test]
async fn a_session_has_an_expiry_time() {
    for status in [200, 201] {
        let peer = Peer::start(move |_, _| answer(status, SESSION)).await;
        let session = peer.client().generate_widget_session(&WidgetSessionRequest::new()).await.unwrap();
        assert_eq!(
            serde_json::to_value(&session).unwrap(),
            json!({"session_id": "00000000-0000-4000-8000-000000000009",
                "url": "https://widget.example.com/session/9?s=url-secret",
                "expires_at": "2030-01-01T00:15:00Z", "warnings": []})
        );
    }
}

#[tokio::test]
async fn a_longer_lifetime_and_warnings_are_taken_from_the_response() {
    let body = json!({"session_id": user_id(9).to_string(), "url": "https://widget.example.com/9", "status": "success",
        "expires_in": 86400, "warnings": ["ACME is not enabled"]});
    let peer = Peer::start(move |_, _| ok(&body)).await;
    let session = peer.client().generate_widget_session(&WidgetSessionRequest::new()).await.unwrap();
    assert_eq!(session.expires_at.to_string(), "2030-01-02T00:00:00Z");
    assert_eq!(session.warnings, ["ACME is not enabled"]);
}

#[tokio::test]
async fn the_path_that_works_is_found_and_then_used_first() {
    let paths = ["/api/widget/session", "/widget/session", "/widget/api/session", "/v2/auth/generateWidgetSession"];
    for (index, served) in paths.into_iter().enumerate() {
        let peer = Peer::start(move |seen, nth| match seen.line.strip_prefix("POST ") {
            Some(path) if path == served => answer(201, SESSION),
            _ => answer([404, 405, 410][nth % 3], ""),
        });
        let peer = peer.await;
        let client = peer.client();
        for _ in 0..2 {
            client.generate_widget_session(&WidgetSessionRequest::new()).await.unwrap();
        }
        let mut expected: Vec<String> = paths[..=index].iter().map(|path| format!("POST {path}")).collect();
        expected.push(format!("POST {served}"));
        assert_eq!(peer.lines(), expected);
    }
}

#[tokio::test]
async fn a_path_that_is_removed_later_is_replaced() {
    let peer = Peer::start(|seen, nth| match (nth, seen.line.as_str()) {
        (0, "POST /api/widget/session") | (2, "POST /widget/session") => answer(201, SESSION),
        _ => answer(404, ""),
    });
    let peer = peer.await;
    let client = peer.client();
    client.generate_widget_session(&WidgetSessionRequest::new()).await.unwrap();
    client.generate_widget_session(&WidgetSessionRequest::new()).await.unwrap();
    assert_eq!(peer.lines(), ["POST /api/widget/session", "POST /api/widget/session", "POST /widget/session"]);
}

#[tokio::test]
async fn another_error_of_a_path_is_final() {
    let peer = Peer::always(403, r#"{"message":"wrong pair","status":"error"}"#).await;
    let error = peer.client().generate_widget_session(&WidgetSessionRequest::new()).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(refusal) if refusal.message == "wrong pair"));
    assert_eq!(peer.lines(), ["POST /api/widget/session"]);
}

#[tokio::test]
async fn every_field_is_sent_with_its_published_name() {
    let peer = Peer::always(201, SESSION).await;
    let request = WidgetSessionRequest::new()
        .reference_id(&"alice".parse().unwrap())
        .providers(["Fitbit".parse().unwrap(), "GARMIN".parse().unwrap()])
        .language("fr")
        .auth_success_redirect_url("https://app.example.com/ok")
        .auth_failure_redirect_url("com.acme.app://failed")
        .apple_app_url("https://app.example.com/apple")
        .samsung_app_url("https://app.example.com/samsung")
        .connected_uids([user_id(1)])
        .show_disconnect(true)
        .multi_auth(false)
        .bypass_feedback(true);
    peer.client().generate_widget_session(&request).await.unwrap();

    let seen = &peer.seen()[0];
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({"reference_id": "alice", "providers": "FITBIT,GARMIN", "language": "fr",
            "auth_success_redirect_url": "https://app.example.com/ok",
            "auth_failure_redirect_url": "com.acme.app://failed", "use_terra_avengers_app": true,
            "apple_app_url": "https://app.example.com/apple", "samsung_app_url": "https://app.example.com/samsung",
            "connected_uids": [user_id(1).to_string()], "show_disconnect": true, "multi_auth": false,
            "bypass_feedback": true})
    );
    assert_eq!(seen.headers["dev-id"], "acme-testing-0000000000");
    assert_eq!(seen.headers["x-api-key"], "test-key-not-a-secret");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["accept-encoding"], "gzip");
    assert_eq!(seen.headers["user-agent"], concat!("terra-auth/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn an_unencrypted_redirect_is_refused_before_anything_is_sent() {
    let peer = Peer::always(201, SESSION).await;
    let link = "http://app.example.com/ok";
    for request in [
        WidgetSessionRequest::new().auth_success_redirect_url(link),
        WidgetSessionRequest::new().auth_failure_redirect_url(link),
        WidgetSessionRequest::new().apple_app_url(link),
        WidgetSessionRequest::new().samsung_app_url(link),
    ] {
        let error = peer.client().generate_widget_session(&request).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRedirect(_)), "{error}");
    }
    assert!(peer.seen().is_empty());
}
