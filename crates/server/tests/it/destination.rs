//! Webhook destinations of an environment.

use serde_json::{Value, json};
use terra_auth_core::outbox::QueueCapacity;
use terra_auth_model::delivery::{AttemptOutcome, AttemptReport};
use terra_auth_types::wire::admin::Role;

use crate::support::TestApp;

struct Operator {
    app: TestApp,
    token: String,
}

impl Operator {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let token = app.token(Role::Operator).await;
        Self { app, token }
    }

    fn path(&self, rest: &str) -> String {
        format!("/environments/{}{rest}", self.app.keys.dev_id)
    }

    async fn create(&self, body: Value) -> String {
        let answer = self.app.admin(&self.token, "POST", &self.path("/destinations"), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["destination_id"].as_str().unwrap().to_owned()
    }

    async fn change(&self, id: &str, body: Value) -> Value {
        let answer = self.app.admin(&self.token, "PATCH", &self.path(&format!("/destinations/{id}")), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn delete(&self, id: &str) -> u16 {
        let path = self.path(&format!("/destinations/{id}"));
        self.app.admin(&self.token, "DELETE", &path, Value::Null).await.status.as_u16()
    }

    async fn list(&self) -> Value {
        self.app.admin(&self.token, "GET", &self.path("/destinations"), Value::Null).await.json()["destinations"].take()
    }

    /// The URL that the environment's settings and its API key show.
    async fn first_url(&self) -> Value {
        let settings = self.app.admin(&self.token, "GET", &self.path(""), Value::Null).await.json();
        let shown = self.app.get("/v2/webhooks/destination").await.json();
        assert_eq!(settings["destination"], shown["destination"]);
        shown["destination"].clone()
    }

    /// Claims all due deliveries; returns the paths of their URLs, sorted.
    async fn claim(&self) -> Vec<String> {
        let claimed = self.app.auth.claim_deliveries(QueueCapacity::even(100, 100)).await.unwrap();
        let mut paths: Vec<_> =
            claimed.due.iter().map(|(_, claimed)| claimed.destination.url.path().to_owned()).collect();
        paths.sort();
        paths
    }
}

#[tokio::test]
async fn each_destination_receives_the_types_of_its_filter() {
    let world = Operator::start().await;
    world.create(json!({"url": "https://app.example/all", "description": "the app"})).await;
    world.create(json!({"url": "https://crm.example/auth", "event_types": ["auth"]})).await;
    world.create(json!({"url": "https://crm.example/deauth", "event_types": ["deauth", "access_revoked"]})).await;
    let user = world.app.connected_user("FITBIT", "alice").await;
    assert_eq!(world.claim().await, ["/all", "/auth"]);
    world.app.delete(&format!("/v2/auth/deauthenticateUser?user_id={user}")).await;
    assert_eq!(world.claim().await, ["/all", "/deauth"]);
    let listed = world.list().await;
    let rows: Vec<_> = (0..3).map(|at| (&listed[at]["event_types"], &listed[at]["description"])).collect();
    let (auth, deauth) = (json!(["auth"]), json!(["deauth", "access_revoked"]));
    assert_eq!(rows, [(&Value::Null, &json!("the app")), (&auth, &Value::Null), (&deauth, &Value::Null)]);
}

#[tokio::test]
async fn a_disabled_destination_is_paused_and_continues_when_enabled() {
    let world = Operator::start().await;
    let id = world.create(json!({"url": "https://app.example/hooks"})).await;
    world.app.connected_user("FITBIT", "alice").await;
    assert_eq!(world.change(&id, json!({"enabled": false})).await["enabled"], false);
    world.app.connected_user("FITBIT", "bob").await;
    assert_eq!(world.claim().await, [""; 0]);
    world.change(&id, json!({"enabled": true, "url": "https://app.example/hooks/2"})).await;
    assert_eq!(world.claim().await, ["/hooks/2"], "alice's event; bob's has no delivery");
}

#[tokio::test]
async fn a_deleted_destination_loses_its_deliveries_even_one_in_flight() {
    let world = Operator::start().await;
    let id = world.create(json!({"url": "https://app.example/hooks"})).await;
    world.app.connected_user("FITBIT", "alice").await;
    let claimed = world.app.auth.claim_deliveries(QueueCapacity::even(100, 100)).await.unwrap();
    assert_eq!((world.delete(&id).await, world.delete(&id).await), (204, 404));
    let (delivery, _) = &claimed.due[0];
    let report = AttemptReport { status: Some(200), ..AttemptReport::default() };
    world.app.auth.record_delivery_attempt(delivery, AttemptOutcome::Done, report).await.unwrap();
    let deliveries = world.app.admin(&world.token, "GET", &world.path("/deliveries"), Value::Null).await.json();
    assert_eq!((world.list().await, &deliveries["deliveries"]), (json!([]), &json!([])));
    assert_eq!(world.app.events().await.len(), 1, "the event stays");
}

#[tokio::test]
async fn the_settings_show_the_url_of_the_first_destination() {
    let world = Operator::start().await;
    let first = world.create(json!({"url": "https://app.example/1"})).await;
    let second = world.create(json!({"url": "https://app.example/2"})).await;
    assert_eq!(world.first_url().await, "https://app.example/1");
    world.change(&first, json!({"url": "https://app.example/changed"})).await;
    assert_eq!(world.first_url().await, "https://app.example/changed");
    assert_eq!(world.delete(&first).await, 204);
    assert_eq!(world.first_url().await, "https://app.example/2");
    world.app.set_destination().await;
    assert_eq!(world.list().await[0]["url"], "https://app.example/hooks");
    assert_eq!(world.delete(&second).await, 204);
    assert_eq!(world.first_url().await, Value::Null);
}

#[tokio::test]
async fn invalid_destinations_are_rejected_with_the_reason() {
    let world = Operator::start().await;
    let id = world.create(json!({"url": "https://app.example/hooks"})).await;
    let url = "https://app.example/hooks";
    for (body, reason) in [
        (json!({"url": "http://app.example/hooks"}), "invalid URL: https"),
        (json!({"url": "file:///etc/passwd"}), "invalid URL: https"),
        (json!({"url": url, "event_types": []}), "invalid event_types"),
        (json!({"url": url, "event_types": ["auth", "nosuch"]}), "invalid event_types"),
        (json!({"url": url, "description": ""}), "invalid description"),
        (json!({"url": url, "description": "\u{202e}"}), "invalid description"),
        (json!({"url": url, "secret": "x"}), "unknown field"),
        (json!({"url": "no url"}), "url"),
    ] {
        for (method, path) in [("POST", "/destinations".to_owned()), ("PATCH", format!("/destinations/{id}"))] {
            let answer = world.app.admin(&world.token, method, &world.path(&path), body.clone()).await;
            let (status, code, detail) = answer.refusal();
            assert_eq!((status, &*code), (400, "validation_failed"), "{method} {body}");
            assert!(detail.contains(reason), "{method} {body}: {detail}");
        }
    }
    for _ in 1..20 {
        world.create(json!({"url": url})).await;
    }
    let full = world.app.admin(&world.token, "POST", &world.path("/destinations"), json!({"url": url})).await;
    assert_eq!(full.refusal().0, 409);
}

#[tokio::test]
async fn a_destination_of_another_environment_is_404() {
    let world = Operator::start().await;
    let owner = world.app.token(Role::Owner).await;
    let other = world.app.admin(&owner, "POST", "/environments", json!({"environment": "staging", "name": "B"})).await;
    let path = format!("/environments/{}/destinations", other.json()["dev_id"].as_str().unwrap());
    let id = world.create(json!({"url": "https://app.example/hooks"})).await;
    for (method, body) in [("PATCH", json!({"enabled": false})), ("DELETE", Value::Null)] {
        let answer = world.app.admin(&world.token, method, &format!("{path}/{id}"), body).await;
        assert_eq!(answer.refusal().0, 404, "{method}");
    }
    assert_eq!(world.list().await[0]["enabled"], true);
}
