//! A phone with the mobile SDK, which redeems the token that its backend minted.

use http::Method;
use serde_json::Value;
use terra_auth::UserId;
use terra_auth_cli_testkit::http::{HttpFailure, Reply, send};

/// Redeems a mobile token for a connection of Apple Health.
pub(crate) async fn redeem(
    origin: &str,
    dev_id: &str,
    token: &str,
    (device, reference_id): (&str, &str),
) -> Result<Reply, HttpFailure> {
    let url = format!(
        "{origin}/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier={device}&reference_id={reference_id}"
    );
    let bearer = format!("Bearer {token}");
    send(Method::POST, &url, &[("dev-id", dev_id), ("authorization", &bearer)], String::new()).await
}

/// The user that a redemption created.
pub(crate) fn user_of(reply: &Reply) -> UserId {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body: Value = serde_json::from_str(&reply.text).unwrap();
    body["user_id"].as_str().unwrap().parse().unwrap()
}
