use terra_auth::Error;

use crate::peer::{Peer, user_id};

#[tokio::test]
async fn a_streaming_token_comes_from_the_streaming_host() {
    let peer = Peer::always(200, r#"{"token":"token-not-a-secret"}"#).await;
    let client = peer.client();
    assert_eq!(client.developer_streaming_token().await.unwrap().expose(), "token-not-a-secret");
    assert_eq!(client.user_streaming_token(user_id(1)).await.unwrap().expose(), "token-not-a-secret");
    assert_eq!(peer.lines(), ["POST /auth/developer", "POST /auth/user?id=00000000-0000-4000-8000-000000000001"]);
}

#[tokio::test]
async fn an_error_without_a_body_has_the_text_of_its_status() {
    let peer = Peer::always(403, "").await;
    let error = peer.client().developer_streaming_token().await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(refusal) if refusal.message == "forbidden"));
}
