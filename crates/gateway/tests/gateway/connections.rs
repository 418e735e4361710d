use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_mobile_token_has_exactly_the_documents_fields_and_when_it_ends() {
    let world = World::start().await;

    let answer = world.call("alice", "POST", "/api/terra/mobile-token", Value::Null).await;

    let mut body = answer.json();
    assert!(body["token"].as_str().unwrap().len() >= 64);
    body["token"] = "…".into();
    let expected =
        json!({ "token": "…", "reference_id": "alice", "expires_in": 180, "expires_at": "2030-01-01T00:03:00Z" });
    assert_eq!((answer.status.as_u16(), body), (200, expected));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-terra-trace-id").len(), 32);
}

#[tokio::test]
async fn a_redeemed_token_is_a_connection_of_whoever_was_logged_in() {
    let world = World::start().await;

    let user_id = world.connect("alice", "phone").await;

    let connections = world.connections("alice").await;
    assert_eq!(connections.len(), 1);
    let connection = &connections[0];
    let shown = (&connection["user_id"], &connection["provider"], &connection["state"]);
    assert_eq!(shown, (&user_id.into(), &"APPLE".into(), &"active".into()));
}

#[tokio::test]
async fn a_lookup_at_terra_finds_the_callers_unreported_connection_only() {
    let world = World::start().await;
    for user in ["alice", "bob"] {
        let minted = world.call(user, "POST", "/api/terra/mobile-token", Value::Null).await;
        world.redeem(minted.json()["token"].as_str().unwrap(), user).await; // and nothing is delivered
    }
    assert!(world.connections("alice").await.is_empty());
    let answer = world.call("alice", "GET", "/api/terra/connections?refresh=1", Value::Null).await;
    assert_eq!(answer.json()["connections"].as_array().unwrap().len(), 1, "{answer:?}");
    assert_eq!(world.connections("alice").await.len(), 1);
    assert!(world.connections("bob").await.is_empty());
}

#[tokio::test]
async fn only_the_login_identifies_the_user() {
    let world = World::start().await;
    let forged = json!({ "reference_id": "bob", "user": "bob", "providers": null });
    for path in ["/api/terra/mobile-token?reference_id=bob", "/api/terra/mobile-token"] {
        let answer = world.call("alice", "POST", path, forged.clone()).await;
        assert_eq!(answer.json()["reference_id"], "alice");
        world.redeem(answer.json()["token"].as_str().unwrap(), path).await;
    }
    world.deliver().await;

    assert!(world.connections("bob").await.is_empty());
    assert_eq!(world.connections("alice").await.len(), 1, "the second phone took the place of the first");
}

#[tokio::test]
async fn two_users_never_see_or_remove_each_others_connections() {
    let world = World::start().await;
    let [alices, bobs] = [world.connect("alice", "a").await, world.connect("bob", "b").await];

    for (user, own, other) in [("alice", &alices, &bobs), ("bob", &bobs, &alices)] {
        let seen = world.connections(user).await;
        assert_eq!(seen.iter().map(|one| one["user_id"].as_str().unwrap()).collect::<Vec<_>>(), [own]);
        for id in [other.as_str(), "00000000-0000-4000-8000-000000000000", "nonsense", "%00"] {
            let answer = world.call(user, "DELETE", &format!("/api/terra/connections/{id}"), Value::Null).await;
            assert_eq!(answer.refusal(), (404, String::new(), "you have no such connection".to_owned()), "{id}");
        }
    }
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0), "nothing was revoked");
}

#[tokio::test]
async fn a_connection_is_removed_once_and_here_at_once() {
    let world = World::start().await;
    let user_id = world.connect("alice", "phone").await;
    let path = format!("/api/terra/connections/{user_id}");

    let first = world.call("alice", "DELETE", &path, Value::Null).await;
    assert_eq!((first.status.as_u16(), first.json()), (200, json!({ "status": "success" })));
    assert!(world.connections("alice").await.is_empty());

    let again = world.call("alice", "DELETE", &path, Value::Null).await;
    assert_eq!(again.status, 404);
    world.deliver().await;
    assert!(world.connections("alice").await.is_empty());
}

#[tokio::test]
async fn a_connection_that_the_upstream_has_forgotten_can_still_be_removed() {
    let world = World::start().await;
    let user_id = world.connect("alice", "phone").await;
    let developer = world.auth.directory().developer(&world.keys.dev_id).unwrap();
    world.auth.deauthenticate_user(&developer, user_id.parse().unwrap()).await.unwrap();

    let answer = world.call("alice", "DELETE", &format!("/api/terra/connections/{user_id}"), Value::Null).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(world.connections("alice").await.is_empty());
}
