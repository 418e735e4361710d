//! Environments made, changed and deleted by operators.

use serde_json::{Value, json};
use terra_auth_types::wire::admin::Role;

use crate::support::TestApp;

#[tokio::test]
async fn a_new_environment_works_at_once() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let made = app.admin(&owner, "POST", "/environments", json!({"environment": "production", "name": "Acme"})).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let (dev_id, key) = (made["dev_id"].as_str().unwrap(), made["api_key"].as_str().unwrap());
    assert!(dev_id.starts_with("production-") && key.starts_with("ta_production_"), "{made}");

    let shown = app.admin(&owner, "GET", &format!("/environments/{dev_id}"), Value::Null).await;
    assert_eq!((&shown.json()["name"], &shown.json()["active"]), (&json!("Acme"), &json!(true)));
    assert_eq!((&shown.json()["user_limit"], &shown.json()["users"]), (&Value::Null, &json!(0)));
    for secret in [&made["api_key"], &made["signing_secret"]] {
        assert!(!shown.text.contains(secret.as_str().unwrap()));
    }
    let all = app.admin(&owner, "GET", "/environments", Value::Null).await.json();
    assert_eq!(all["environments"].as_array().unwrap().len(), 2);
    let mut app = app;
    app.keys.dev_id = dev_id.parse().unwrap();
    assert_eq!(app.call(key, "GET", "/v2/subscriptions").await.status, 200);
}

#[tokio::test]
async fn an_update_changes_only_the_named_fields_and_null_clears() {
    let app = TestApp::start().await;
    let operator = app.token(Role::Operator).await;
    let path = format!("/environments/{}", app.keys.dev_id);
    let change = json!({
        "name": "Renamed", "accent": "#0b6e4f", "logo_url": "https://acme.example/logo.png", "user_limit": 7,
        "providers": ["FITBIT"], "redirect_allow_list": ["https://acme.example/"],
        "destination": "https://acme.example/hook", "keep_user_id": true,
        "bound_tokens_only": true
    });
    let changed = app.admin(&operator, "PATCH", &path, change.clone()).await.json();
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&changed[name], value);
    }
    let again = app.admin(&operator, "PATCH", &path, json!({"accent": null, "user_limit": null})).await.json();
    assert_eq!(
        (&again["accent"], &again["user_limit"], &again["name"]),
        (&Value::Null, &Value::Null, &json!("Renamed"))
    );
    assert_eq!(again["destination"], "https://acme.example/hook");
}

#[tokio::test]
async fn a_deletion_lists_what_it_deletes_and_affects_no_other_user() {
    let mut app = TestApp::start().await;
    app.set_destination().await;
    let owner = app.token(Role::Owner).await;
    app.connected_user("FITBIT", "alice").await;
    app.connected_user("WHOOP", "bob").await;
    let another = app.another().await;
    let doomed = std::mem::replace(&mut app.keys, another);
    app.set_destination().await;
    let survivor = app.connected_user("FITBIT", "carol").await;
    let path = format!("/environments/{}", doomed.dev_id);

    let counts = "this deletes 2 users, 1 API keys and 2 waiting events; confirm these counts";
    for query in ["", "?users=2&api_keys=1", "?users=1&api_keys=1&waiting_deliveries=2"] {
        let refused = app.admin(&owner, "DELETE", &format!("{path}{query}"), Value::Null).await.refusal();
        assert_eq!(refused, (409, "not_confirmed".to_owned(), counts.to_owned()), "{query}");
    }
    let contents = app.admin(&owner, "GET", &format!("{path}/contents"), Value::Null).await.json();
    assert_eq!(contents, json!({"users": 2, "api_keys": 1, "waiting_deliveries": 2}));
    let confirmed = format!("{path}?users=2&api_keys=1&waiting_deliveries=2");
    assert_eq!(app.admin(&owner, "DELETE", &confirmed, Value::Null).await.status, 204);

    assert_eq!(app.admin(&owner, "GET", &path, Value::Null).await.refusal().1, "dev_id_not_found");
    assert_eq!(app.auth.waiting().await.unwrap(), (1, 2)); // carol's event, and the grants of the other two
    assert_eq!(app.events().await.len(), 1);
    assert_eq!(app.get(&format!("/v2/userInfo?user_id={survivor}")).await.status, 200);
    app.keys = doomed;
    assert_eq!(app.get("/v2/subscriptions").await.problem().0, 401);
}
