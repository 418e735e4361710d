use std::time::Duration;

use super::{UNAVAILABLE, UNKNOWN, World, claims};
use crate::login::{
    Login as _,
    testing::{Answer, Signer, eventually},
};
use serde_json::json;

fn failures() -> Vec<Answer> {
    let key = Signer::ed25519("1").jwk();
    vec![
        Answer::Status(500),
        Answer::Status(404),
        Answer::Html,
        Answer::Redirect,
        Answer::Padded(256 * 1024 + 1),
        Answer::Json(json!({ "keys": vec![key; 65] })),
        Answer::Json(json!({ "keys": "none" })),
        Answer::Json(json!([])),
    ]
}

#[tokio::test]
async fn no_login_succeeds_until_the_issuer_has_published_keys() {
    let signer = Signer::ed25519("1");
    for failure in failures() {
        let world = World::new(failure.clone()).await;
        assert_eq!(world.told(&signer).await, UNAVAILABLE, "{failure:?}");
        assert!(world.jwt.reachable().await.is_err());
        world.issuer.set(Answer::keys(&[&signer]));
        world.pass(4);
        assert_eq!((world.told(&signer).await, world.issuer.asked()), (UNAVAILABLE.to_owned(), 1), "{failure:?}");
        world.pass(1);
        assert_eq!((world.told(&signer).await, world.issuer.asked()), ("alice".to_owned(), 2), "{failure:?}");
        assert!(world.jwt.reachable().await.is_ok());
    }
}

#[tokio::test]
async fn the_last_good_keys_stay_valid_for_a_day() {
    let (signer, unknown_signer) = (Signer::ed25519("1"), Signer::ed25519("2"));
    for failure in failures() {
        let world = World::new(Answer::keys(&[&signer])).await;
        assert_eq!(world.told(&signer).await, "alice");
        world.issuer.set(failure.clone());
        world.pass(24 * 60 * 60 - 1);
        assert_eq!(world.told(&signer).await, "alice", "{failure:?}");
        eventually(async || world.issuer.asked() == 2 && world.told(&unknown_signer).await == UNAVAILABLE).await;
        assert_eq!(world.told(&signer).await, "alice", "{failure:?}");
        world.pass(1);
        assert_eq!(world.told(&signer).await, UNAVAILABLE, "{failure:?}");
    }
}

#[tokio::test]
async fn the_keys_of_an_issuer_that_recovers_are_used() {
    let (old, new) = (Signer::ed25519("1"), Signer::ed25519("2"));
    let world = World::new(Answer::keys(&[&old])).await;
    assert_eq!(world.told(&old).await, "alice");
    world.issuer.set(Answer::Status(500));
    world.pass(60);
    assert_eq!(world.told(&new).await, UNAVAILABLE); // it may be a new key, so the response is not "not logged in"
    world.issuer.set(Answer::keys(&[&new]));
    world.pass(5);
    assert_eq!(world.told(&old).await, "alice");
    eventually(async || world.told(&new).await == "alice").await;
    assert_eq!(world.told(&old).await, UNKNOWN);
}

#[tokio::test]
async fn an_issuer_can_withdraw_all_keys() {
    let signer = Signer::ed25519("1");
    let world = World::new(Answer::keys(&[&signer])).await;
    assert_eq!(world.told(&signer).await, "alice");
    world.issuer.set(Answer::keys(&[]));
    world.pass(600);
    assert_eq!(world.told(&signer).await, "alice");
    eventually(async || world.told(&signer).await == UNAVAILABLE).await;
}

#[tokio::test]
async fn all_callers_wait_at_most_5_seconds_for_an_issuer_that_hangs() {
    let signer = Signer::ed25519("1");
    let world = World::new(Answer::Nothing).await;
    let waiting = async { tokio::join!(world.told(&signer), world.told(&signer), world.told(&signer)) };
    let time = async {
        eventually(async || world.issuer.asked() == 1).await;
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(6)).await;
        tokio::time::resume();
    };
    let ((first, second, third), ()) =
        tokio::time::timeout(Duration::from_secs(7), async { tokio::join!(waiting, time) }).await.unwrap();
    assert_eq!([first, second, third], [UNAVAILABLE; 3]);
    assert_eq!(world.issuer.asked(), 1);
}

#[tokio::test]
async fn a_cancelled_caller_does_not_cancel_the_fetch() {
    let signer = Signer::ed25519("1");
    let world = World::new(Answer::keys(&[&signer])).await;
    let token = signer.token(&claims("https://login.example"));
    tokio::select! {
        biased;
        _ = world.told_of(&token) => panic!("the login finished before the issuer responded"),
        () = std::future::ready(()) => {}
    }
    eventually(async || world.issuer.asked() == 1).await;
    assert_eq!((world.told(&signer).await, world.issuer.asked()), ("alice".to_owned(), 1));
}
