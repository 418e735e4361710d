use serde_json::{Value, json};
use terra_auth::{AuthenticateUserRequest, Error};

use crate::peer::{Peer, answer, json as ok, user, user_id};

#[tokio::test]
async fn a_login_link_is_requested_by_provider() {
    let body = json!({"status": "success", "user_id": user_id(1).to_string(), "auth_url": "https://example.com/login"});
    let peer = Peer::start(move |_, _| ok(&body)).await;
    let request = AuthenticateUserRequest::new("fitbit".parse().unwrap())
        .reference_id(&"alice".parse().unwrap())
        .language("de")
        .auth_success_redirect_url("https://app.example.com/ok")
        .auth_failure_redirect_url("https://app.example.com/failed");
    let link = peer.client().authenticate_user(&request).await.unwrap();

    assert_eq!((link.user_id, link.auth_url.as_str()), (user_id(1), "https://example.com/login"));
    let seen = &peer.seen()[0];
    assert_eq!(seen.line, "POST /v2/auth/authenticateUser?resource=FITBIT");
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({"reference_id": "alice", "language": "de", "auth_success_redirect_url": "https://app.example.com/ok",
            "auth_failure_redirect_url": "https://app.example.com/failed"})
    );
}

#[tokio::test]
async fn a_login_link_with_an_unencrypted_redirect_is_not_requested() {
    let peer = Peer::always(200, "{}").await;
    let request =
        AuthenticateUserRequest::new("FITBIT".parse().unwrap()).auth_success_redirect_url("http://example.com");
    let error = peer.client().authenticate_user(&request).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRedirect(_)));
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn an_access_token_is_issued_by_the_server() {
    let issued =
        json!({"access_token": "access-not-a-secret", "expires_at": "2030-01-01T08:00:00Z", "scopes": "heartrate"});
    let peer = Peer::start(move |_, _| ok(&issued)).await;
    let issued = peer.client().issue_access_token(user_id(1)).await.unwrap();
    assert_eq!((issued.access_token.expose(), issued.scopes.as_deref()), ("access-not-a-secret", Some("heartrate")));
    let dev_id = peer.client().dev_id().clone();
    let path = format!("/api/v3/admin/environments/{dev_id}/connections/{}/access-token", user_id(1));
    assert_eq!(peer.lines(), [format!("POST {path}")]);
}

#[tokio::test]
async fn a_user_is_deauthenticated() {
    for (status, body) in [(200, r#"{"status":"success"}"#), (204, "")] {
        let peer = Peer::always(status, body).await;
        peer.client().deauthenticate_user(user_id(1)).await.unwrap();
        assert_eq!(peer.lines(), [format!("DELETE /v2/auth/deauthenticateUser?user_id={}", user_id(1))]);
    }
}

#[tokio::test]
async fn a_failed_deauthentication_is_never_a_success() {
    for (status, body) in [
        (200, r#"{"status":"error","message":"not now"}"#),
        (404, r#"{"detail":"user not found"}"#),
        (200, "<html>log in to this network</html>"),
        (200, ""),
        (500, "<html></html>"),
        (302, ""),
    ] {
        let peer = Peer::always(status, body).await;
        assert!(peer.client().deauthenticate_user(user_id(1)).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_user_is_looked_up_by_its_id() {
    let body = json!({"user": user(1), "status": "success", "is_authenticated": true});
    let peer = Peer::start(move |_, _| ok(&body)).await;
    let info = peer.client().user_info(user_id(1)).await.unwrap();
    assert_eq!((info.user.user.user_id, info.is_authenticated), (user_id(1), true));
    assert_eq!(peer.lines(), [format!("GET /v2/userInfo?user_id={}", user_id(1))]);
}

#[tokio::test]
async fn users_of_a_reference_id_are_read_with_and_without_a_name() {
    for body in [json!([user(1), user(2)]), json!({"users": [user(1), user(2)], "status": "success"})] {
        let peer = Peer::start(move |_, _| ok(&body)).await;
        let users = peer.client().users_by_reference_id(&"a&b".parse().unwrap()).await.unwrap();
        assert_eq!(users.iter().map(|user| user.user_id).collect::<Vec<_>>(), [user_id(1), user_id(2)]);
        assert_eq!(peer.lines(), ["GET /v2/userInfo?reference_id=a%26b"]);
    }
}

#[tokio::test]
async fn many_users_are_requested_500_at_a_time() {
    let peer = Peer::start(|seen, _| {
        let ids: Vec<String> = serde_json::from_str(&seen.body).unwrap();
        let users: Vec<Value> = ids.iter().map(|id| json!({"user_id": id, "provider": "FITBIT"})).collect();
        ok(&users.into())
    });
    let peer = peer.await;
    let ids: Vec<_> = (0..501).map(user_id).collect();
    let users = peer.client().bulk_user_info(&ids).await.unwrap();
    assert_eq!(users.iter().map(|user| user.user_id).collect::<Vec<_>>(), ids);
    assert_eq!(peer.lines(), ["POST /v2/bulkUserInfo", "POST /v2/bulkUserInfo"]);
}

#[tokio::test]
async fn an_empty_list_of_users_sends_no_call() {
    let peer = Peer::start(|_, _| answer(500, "")).await;
    assert_eq!(peer.client().bulk_user_info(&[]).await.unwrap(), []);
    assert!(peer.seen().is_empty());
}
