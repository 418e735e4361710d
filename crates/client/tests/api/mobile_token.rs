use serde_json::json;
use terra_auth::Error;

use crate::peer::{Peer, answer};

const TOKEN: &str = r#"{"status":"success","token":"token-not-a-secret","expires_in":180}"#;

#[tokio::test]
async fn a_token_has_an_expiry_time() {
    let peer = Peer::always(200, TOKEN).await;
    let token = peer.client().generate_mobile_token(None).await.unwrap();
    assert_eq!(
        serde_json::to_value(&token).unwrap(),
        json!({"token": "token-not-a-secret", "expires_in": 180, "expires_at": "2030-01-01T00:03:00Z"})
    );
    assert_eq!((peer.lines(), peer.seen()[0].body.as_str()), (vec!["POST /v2/auth/tokens".to_owned()], ""));
}

#[tokio::test]
async fn a_reference_id_is_encoded_and_cannot_add_a_parameter() {
    let peer = Peer::always(200, TOKEN).await;
    peer.client().generate_mobile_token(Some(&"a+b &user_id=ü#?%".parse().unwrap())).await.unwrap();
    assert_eq!(peer.lines(), ["POST /v2/auth/tokens?reference_id=a%2Bb+%26user_id%3D%C3%BC%23%3F%25"]);
}

#[tokio::test]
async fn the_older_name_is_tried_and_then_used_first() {
    for missing in [404, 405, 410] {
        let peer = Peer::start(move |seen, _| match seen.line.as_str() {
            "POST /v2/auth/generateAuthToken" => answer(200, TOKEN),
            _ => answer(missing, ""),
        });
        let peer = peer.await;
        let client = peer.client();
        client.generate_mobile_token(None).await.unwrap();
        client.clone().generate_mobile_token(None).await.unwrap();
        let older = "POST /v2/auth/generateAuthToken";
        assert_eq!(peer.lines(), ["POST /v2/auth/tokens", older, older]);
    }
}

#[tokio::test]
async fn if_neither_name_is_known_the_error_has_the_servers_message() {
    let peer = Peer::always(404, r#"{"status":"error","message":"Invalid dev-id was provided"}"#).await;
    let error = peer.client().generate_mobile_token(None).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound(refusal) if refusal.message == "Invalid dev-id was provided"), "{error}");
    assert_eq!(peer.lines().len(), 2);
}
