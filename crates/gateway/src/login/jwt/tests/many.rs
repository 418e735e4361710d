//! Several issuers, tenants, audiences and kinds of keys.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Value, json};
use terra_auth_testkit::FixedClock;

use super::{ISSUER, SECRET, answer, claims, settings, with, without};
use crate::{
    login::{
        Jwt,
        testing::{Answer, Issuer, Signer, hs256, http},
    },
    settings::JwtSettings,
};

const TENANTS: &str = "https://login.example/{tenantid}/v2.0";
const ONE: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const OTHER: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

const ANOTHER_ISSUER: &str = "not logged in: the token is from another issuer";
const ANOTHER_AUDIENCE: &str = "not logged in: the token is for another audience";

async fn trusting(keys: Answer, settings: JwtSettings) -> Jwt {
    let issuer = Issuer::start(keys).await;
    let settings = JwtSettings { jwks_url: Some(issuer.url), ..settings };
    Jwt::new(&settings, Some(&SecretString::from(SECRET)), &http(), Arc::new(FixedClock::default())).unwrap()
}

fn of_tenant(tenant: &str, tid: impl Into<Value>) -> Value {
    let mut claims = with("tid", tid);
    claims["iss"] = format!("https://login.example/{tenant}/v2.0").into();
    claims
}

#[tokio::test]
async fn every_tenant_of_an_issuer_is_accepted_if_iss_and_tid_match() {
    let signer = Signer::rsa("1");
    let settings = JwtSettings { issuer: vec![TENANTS.to_owned()], ..settings() };
    let jwt = trusting(Answer::keys(&[&signer]), settings).await;
    for (claims, expected) in [
        (of_tenant(ONE, ONE), "alice"),
        (of_tenant(OTHER, OTHER), "alice"),
        (of_tenant(ONE, OTHER), ANOTHER_ISSUER),
        (of_tenant(ONE, Value::Null), ANOTHER_ISSUER),
        (of_tenant("common", "common"), ANOTHER_ISSUER),
        (of_tenant("{tenantid}", "{tenantid}"), ANOTHER_ISSUER),
        (of_tenant("a/b", "a/b"), ANOTHER_ISSUER),
        (claims(), ANOTHER_ISSUER),
    ] {
        assert_eq!(answer(&jwt, &signer.token(&claims)).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn a_key_of_one_tenant_is_rejected_for_another_tenant() {
    let signer = Signer::rsa("1");
    let published = |issuer: &str| {
        let mut jwk = signer.jwk();
        jwk["issuer"] = issuer.into();
        Answer::Json(json!({ "keys": [jwk] }))
    };
    let settings = || JwtSettings { issuer: vec![TENANTS.to_owned()], ..settings() };
    let token = signer.token(&of_tenant(ONE, ONE));
    let jwt = trusting(published(TENANTS), settings()).await;
    assert_eq!(answer(&jwt, &token).await, "alice");
    let jwt = trusting(published(&TENANTS.replace("{tenantid}", OTHER)), settings()).await;
    assert_eq!(answer(&jwt, &token).await, "not logged in: the token's key cannot be used for this token");
}

#[tokio::test]
async fn only_the_issuers_in_the_list_are_accepted() {
    let signer = Signer::ed25519("1");
    let issuer = vec![ISSUER.to_owned(), "my-app".to_owned()];
    let jwt = trusting(Answer::keys(&[&signer]), JwtSettings { issuer, ..settings() }).await;
    for (claims, expected) in [
        (claims(), "alice"),
        (with("iss", "my-app"), "alice"),
        (with("iss", "another-app"), ANOTHER_ISSUER),
        (without("iss"), ANOTHER_ISSUER),
    ] {
        assert_eq!(answer(&jwt, &signer.token(&claims)).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn a_token_without_aud_can_name_the_app_in_another_claim() {
    let signer = Signer::ed25519("1");
    let app = |pairs: &[(&str, &str)]| {
        let mut claims = without("aud");
        for (name, value) in pairs {
            claims[*name] = (*value).into();
        }
        claims
    };
    let jwt = trusting(Answer::keys(&[&signer]), settings()).await;
    for (claims, expected) in [
        (app(&[("client_id", "app")]), "alice"),
        (app(&[("azp", "app-on-phones")]), "alice"),
        (app(&[("cid", "app")]), "alice"),
        (app(&[("client_id", "other")]), ANOTHER_AUDIENCE),
        (app(&[("client_id", "app"), ("azp", "other")]), ANOTHER_AUDIENCE),
        (app(&[("aud", "other"), ("client_id", "app")]), ANOTHER_AUDIENCE),
        (app(&[]), ANOTHER_AUDIENCE),
    ] {
        assert_eq!(answer(&jwt, &signer.token(&claims)).await, expected, "{claims}");
    }
    let named = JwtSettings { audience_claims: Some(vec!["azp".to_owned()]), ..settings() };
    let jwt = trusting(Answer::keys(&[&signer]), named).await;
    assert_eq!(answer(&jwt, &signer.token(&app(&[("aud", "account"), ("azp", "app")]))).await, "alice");
    assert_eq!(answer(&jwt, &signer.token(&claims())).await, ANOTHER_AUDIENCE);
}

#[tokio::test]
async fn tokens_signed_with_the_secret_or_a_public_key_are_accepted_side_by_side() {
    let signer = Signer::p256("1");
    let algorithms = Some(vec!["ES256".to_owned(), "HS256".to_owned()]);
    let jwt = trusting(Answer::keys(&[&signer]), JwtSettings { algorithms, ..settings() }).await;
    let header = json!({ "alg": "HS256", "kid": "1" });
    assert_eq!(answer(&jwt, &signer.token(&claims())).await, "alice");
    assert_eq!(answer(&jwt, &hs256(SECRET.as_bytes(), &header, &claims())).await, "alice");
    for public in [signer.pem(), signer.jwk()["x"].as_str().unwrap().to_owned()] {
        let confused = hs256(public.as_bytes(), &header, &claims());
        assert_eq!(answer(&jwt, &confused).await, "not logged in: the token's signature is wrong");
    }
}
