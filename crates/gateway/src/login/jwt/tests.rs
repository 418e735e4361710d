mod cookie;
mod many;
mod refusals;
mod setup;

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};
use terra_auth_testkit::FixedClock;

use super::Jwt;
use crate::{
    login::testing::{Answer, Issuer, Signer, caller, hs256, http, told},
    settings::JwtSettings,
};

const ISSUER: &str = "https://login.example/tenant";
const NOW_S: i64 = 1_893_456_000; // the time of `FixedClock`
const SECRET: &str = "test-key-not-a-secret-of-32-bytes";

fn settings() -> JwtSettings {
    JwtSettings {
        issuer: vec![ISSUER.to_owned()],
        audience: vec!["app".to_owned(), "app-on-phones".to_owned()],
        ..JwtSettings::default()
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "app", "exp": NOW_S + 300, "sub": "alice" })
}

/// The usual claims with one replaced.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

async fn trusting(signers: &[&Signer]) -> Jwt {
    let issuer = Issuer::start(Answer::keys(signers)).await;
    let settings = JwtSettings { jwks_url: Some(issuer.url), ..settings() };
    Jwt::new(&settings, None, &http(), Arc::new(FixedClock::default())).unwrap()
}

async fn answer(jwt: &Jwt, token: &str) -> String {
    told(&caller(jwt, &[("authorization", &format!("Bearer {token}"))]).await)
}

#[tokio::test]
async fn a_token_of_each_kind_of_key_is_accepted() {
    let signers = [Signer::rsa("1"), Signer::p256("2"), Signer::ed25519("3")];
    let jwt = trusting(&signers.each_ref()).await;
    for signer in &signers {
        let authorization = format!("bEARER {}", signer.token(&claims()));
        let identity = caller(&jwt, &[("authorization", &authorization)]).await.unwrap().unwrap();
        assert_eq!((identity.reference_id.as_str(), identity.sent_by_browser), ("alice", false));
        let nameless = signer.token_with(&json!({ "alg": signer.algorithm() }), &claims());
        assert_eq!(answer(&jwt, &nameless).await, "alice"); // the only key of its kind, so the token need not name it
    }
}

#[tokio::test]
async fn claims_are_accepted_up_to_their_limits_and_rejected_beyond() {
    let signer = Signer::ed25519("1");
    let jwt = trusting(&[&signer]).await;
    for (claims, expected) in [
        (with("exp", NOW_S - 29), "alice"),
        (with("exp", NOW_S - 30), "not logged in: the token is expired"),
        (with("exp", 1e300), "alice"),
        (with("exp", u64::MAX), "alice"),
        (with("nbf", NOW_S + 30), "alice"),
        (with("nbf", NOW_S + 31), "not logged in: the token is not valid yet"),
        (with("iat", NOW_S + 30), "alice"),
        (with("iat", NOW_S + 31), "not logged in: the token was issued in the future"),
        (with("aud", json!(["other", "app-on-phones"])), "alice"),
        (with("sub", 42), "42"),
        (with("sub", u64::MAX), "18446744073709551615"),
        (with("sub", "a".repeat(512)), &"a".repeat(512)),
    ] {
        assert_eq!(answer(&jwt, &signer.token(&claims)).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn other_kinds_of_authorization_are_left_to_other_login_methods() {
    let signer = Signer::ed25519("1");
    let jwt = trusting(&[&signer]).await;
    let token = signer.token(&claims());
    for authorization in
        ["Bearer", "Bearer ", "Bearer opaque", "Bearer a.b.c.d.e", &format!("DPoP {token}"), &token, ""]
    {
        assert_eq!(caller(&jwt, &[("authorization", authorization)]).await.unwrap(), None, "{authorization:?}");
    }
    assert_eq!(caller(&jwt, &[("cookie", &format!("session={token}"))]).await.unwrap(), None);
    let twice = [("authorization", &*format!("Bearer {token}")), ("authorization", "Bearer opaque")];
    assert_eq!(told(&caller(&jwt, &twice).await), "not logged in: there is more than one Authorization header");
}

#[tokio::test]
async fn a_token_signed_with_the_shared_secret_is_accepted() {
    let secret = SecretString::from(SECRET);
    let jwt = Jwt::new(&settings(), Some(&secret), &http(), Arc::new(FixedClock::default())).unwrap();
    let header = json!({ "alg": "HS256", "kid": "any" });
    assert_eq!(answer(&jwt, &hs256(SECRET.as_bytes(), &header, &claims())).await, "alice");
    let forged = hs256(b"test-key-not-the-secret", &header, &claims());
    assert_eq!(answer(&jwt, &forged).await, "not logged in: the token's signature is wrong");
    let asymmetric = Signer::rsa("1").token(&claims());
    assert_eq!(answer(&jwt, &asymmetric).await, "not logged in: the token's algorithm is not accepted");
}

#[tokio::test]
async fn the_settings_can_name_another_claim_for_the_user() {
    let signer = Signer::ed25519("1");
    let issuer = Issuer::start(Answer::keys(&[&signer])).await;
    let user_claim = Some("https://app.example/user".to_owned());
    let settings = JwtSettings { jwks_url: Some(issuer.url), user_claim, ..settings() };
    let jwt = Jwt::new(&settings, None, &http(), Arc::new(FixedClock::default())).unwrap();
    assert_eq!(answer(&jwt, &signer.token(&with("https://app.example/user", "bob"))).await, "bob");
    assert_eq!(answer(&jwt, &signer.token(&claims())).await, "not logged in: the token names no user");
}
