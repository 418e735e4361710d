//! Calls that must happen once, where the database made the change and its answer to COMMIT was lost.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use terra_auth_testkit::{WriteFault::AnswerLost, WriteFaults};
use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, TestApp};

async fn start() -> (TestApp, WriteFaults) {
    TestApp::start_failing("").await
}

async fn redeem(app: &TestApp) -> Answer {
    let token = app.post_nothing("/v2/auth/generateAuthToken?reference_id=alice").await.json()["token"].clone();
    let path = "/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone-1";
    let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
    let request = request.header("authorization", format!("Bearer {}", token.as_str().unwrap()));
    app.send(request.body(Body::empty()).unwrap()).await
}

async fn users(app: &TestApp) -> Vec<Value> {
    app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_token_whose_commit_was_not_answered_is_redeemed_once() {
    let (app, faults) = start().await;
    faults.plan(&[AnswerLost, AnswerLost]);
    let answer = redeem(&app).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let users = users(&app).await;
    assert_eq!(users.len(), 1);
    assert_eq!(users[0]["user_id"], answer.json()["user_id"]);
    assert_eq!(app.events().await.len(), 1);
}

#[tokio::test]
async fn a_user_whose_removal_was_not_answered_is_deauthenticated_once() {
    let (app, faults) = start().await;
    let user_id = redeem(&app).await.json()["user_id"].as_str().unwrap().to_owned();
    faults.plan(&[AnswerLost]);
    let answer = app.delete(&format!("/v2/auth/deauthenticateUser?user_id={user_id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(users(&app).await.is_empty());
    let events = app.events().await;
    assert_eq!(events.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["auth", "deauth"]);
}

#[tokio::test]
async fn a_key_whose_creation_was_not_answered_is_created_once_and_shown() {
    let (app, faults) = start().await;
    let owner = app.token(Role::Owner).await;
    let path = format!("/environments/{}/keys", app.keys.dev_id);
    let before = app.admin(&owner, "GET", &path, Value::Null).await.json()["keys"].as_array().unwrap().len();
    faults.plan(&[AnswerLost]);
    let created = app.admin(&owner, "POST", &path, json!({"name": "reports"})).await;
    assert!(created.status.is_success(), "{created:?}");
    let key = created.json()["api_key"].as_str().unwrap().to_owned();
    assert_eq!(app.call(&key, "GET", "/v2/subscriptions").await.status, 200);
    let after = app.admin(&owner, "GET", &path, Value::Null).await.json()["keys"].as_array().unwrap().len();
    assert_eq!(after, before + 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_reported_as_unknown() {
    let (app, faults) = start().await;
    faults.plan(&[AnswerLost; 3]);
    assert_eq!(redeem(&app).await.problem().0, 500);
    assert_eq!(users(&app).await.len(), 1);
}
