mod discovery;
mod outage;

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_model::clock::Clock;
use terra_auth_testkit::FixedClock;

use crate::{
    login::{
        Jwt,
        testing::{Answer, Issuer, Signer, caller, eventually, http, told},
    },
    settings::JwtSettings,
};

const UNKNOWN: &str = "not logged in: the token's key is unknown";
const UNAVAILABLE: &str = "the login cannot be checked now: the issuer's keys cannot be fetched";

/// An issuer and a gateway that trusts it.
struct World {
    issuer: Issuer,
    clock: Arc<FixedClock>,
    jwt: Jwt,
}

impl World {
    async fn new(answer: Answer) -> Self {
        let issuer = Issuer::start(answer).await;
        let settings = JwtSettings { jwks_url: Some(issuer.url.clone()), ..settings("https://login.example") };
        let clock = Arc::new(FixedClock::default());
        let jwt = Jwt::new(&settings, None, &http(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { issuer, clock, jwt }
    }

    async fn told(&self, signer: &Signer) -> String {
        self.told_of(&signer.token(&claims("https://login.example"))).await
    }

    async fn told_of(&self, token: &str) -> String {
        told(&caller(&self.jwt, &[("authorization", &format!("Bearer {token}"))]).await)
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }
}

fn settings(issuer: &str) -> JwtSettings {
    JwtSettings { issuer: vec![issuer.to_owned()], audience: vec!["app".to_owned()], ..JwtSettings::default() }
}

fn claims(issuer: &str) -> Value {
    json!({ "iss": issuer, "aud": "app", "exp": 2_000_000_000, "sub": "alice" })
}

#[tokio::test]
async fn a_hundred_first_requests_cause_one_fetch() {
    let signer = Signer::ed25519("1");
    let world = World::new(Answer::keys(&[&signer])).await;
    let all = join_all((0..100).map(|_| world.told(&signer))).await;
    assert_eq!((all, world.issuer.asked()), (vec!["alice".to_owned(); 100], 1));
}

#[tokio::test]
async fn keys_are_refreshed_in_the_background() {
    let (old, new) = (Signer::ed25519("1"), Signer::ed25519("2"));
    let world = World::new(Answer::keys(&[&old])).await;
    assert_eq!(world.told(&old).await, "alice");
    world.issuer.set(Answer::keys(&[&new]));
    world.pass(599);
    assert_eq!((world.told(&old).await, world.issuer.asked()), ("alice".to_owned(), 1));
    world.pass(1);
    assert_eq!(world.told(&old).await, "alice"); // no caller waits for keys that are only outdated
    eventually(async || world.told(&new).await == "alice").await;
    assert_eq!((world.told(&old).await, world.issuer.asked()), (UNKNOWN.to_owned(), 2)); // the withdrawn key is invalid
}

#[tokio::test]
async fn a_new_key_is_accepted_at_once() {
    let (old, new) = (Signer::ed25519("1"), Signer::ed25519("2"));
    let world = World::new(Answer::keys(&[&old])).await;
    assert_eq!(world.told(&old).await, "alice");
    world.issuer.set(Answer::keys(&[&old, &new]));
    world.pass(1);
    assert_eq!((world.told(&new).await, world.issuer.asked()), ("alice".to_owned(), 2));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_in_30_seconds() {
    let (signer, unknown_signer) = (Signer::ed25519("1"), Signer::ed25519("2"));
    let world = World::new(Answer::keys(&[&signer])).await;
    assert_eq!(world.told(&signer).await, "alice");
    let named = |name: usize| {
        let header = json!({ "alg": "EdDSA", "kid": format!("unknown-{name}") });
        unknown_signer.token_with(&header, &claims("https://login.example"))
    };
    for (seconds, asked) in [(1, 2), (29, 2), (1, 3)] {
        world.pass(seconds);
        let tokens: Vec<_> = (0..100).map(named).collect();
        let all = join_all(tokens.iter().map(|token| world.told_of(token))).await;
        assert_eq!((all, world.issuer.asked()), (vec![UNKNOWN.to_owned(); 100], asked));
    }
}

#[tokio::test]
async fn keys_that_cannot_verify_signatures_are_ignored() {
    let (rsa, curve) = (Signer::rsa("1"), Signer::p256("2"));
    let with = |signer: &Signer, name: &str, value: Value| {
        let mut jwk = signer.jwk();
        jwk[name] = value;
        jwk
    };
    let token = |signer: &Signer| signer.token(&claims("https://login.example"));
    for (jwk, signer, expected) in [
        (with(&rsa, "use", json!("sig")), &rsa, "alice"),
        (with(&rsa, "alg", json!("RS256")), &rsa, "alice"),
        (with(&rsa, "key_ops", json!(["verify"])), &rsa, "alice"),
        (with(&rsa, "use", json!("enc")), &rsa, UNKNOWN),
        (with(&rsa, "alg", json!("RSA-OAEP")), &rsa, UNKNOWN),
        (with(&rsa, "key_ops", json!(["encrypt"])), &rsa, UNKNOWN),
        (with(&rsa, "alg", json!("PS256")), &rsa, "not logged in: the token's key cannot be used for this token"),
        (with(&curve, "crv", json!("P-384")), &curve, "not logged in: the token's key cannot be used for this token"),
        (with(&curve, "crv", json!("P-521")), &curve, UNKNOWN),
        (with(&curve, "kty", json!("oct")), &curve, UNKNOWN),
        (json!({ "kty": "oct", "kid": "1", "k": "dGVzdC1rZXktbm90LWEtc2VjcmV0" }), &rsa, UNKNOWN),
        (json!({ "kty": "RSA", "kid": "1", "n": 1, "e": "AQAB" }), &rsa, UNKNOWN),
        (json!("1"), &rsa, UNKNOWN),
    ] {
        let keys = json!({ "keys": [jwk, Signer::ed25519("other").jwk()] });
        let world = World::new(Answer::Json(keys.clone())).await;
        assert_eq!(world.told_of(&token(signer)).await, expected, "{keys}");
    }
}
