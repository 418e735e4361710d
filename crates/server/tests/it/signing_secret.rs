use jiff::SignedDuration;
use serde_json::json;
use terra_auth_types::wire::admin::Role;

use crate::support::TestApp;

#[tokio::test]
async fn one_secret_replaces_another_before_the_next_one_does() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let path = format!("/environments/{}/signing-secret/rotate", app.keys.dev_id);
    let rotate = |body| app.admin(&token, "POST", &path, body);
    let first = rotate(json!({"overlap_s": 3600})).await;
    let meanwhile = rotate(json!({})).await;
    let leaked = rotate(json!({"now": true})).await;
    let begun = rotate(json!({"overlap_s": 3600})).await;
    app.clock.advance(SignedDuration::from_secs(3600));
    let after = rotate(json!({})).await;

    assert_eq!((first.status.as_u16(), meanwhile.status.as_u16()), (201, 409), "{meanwhile:?}");
    assert!(meanwhile.text.contains("a rotation is in progress"), "{meanwhile:?}");
    assert_eq!((leaked.status.as_u16(), begun.status.as_u16(), after.status.as_u16()), (201, 201, 201));
}
