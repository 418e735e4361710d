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

const ANOTHER_ISSUER: &str = "not logged in: the token is another issuer's";
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
async fn each_tenant_of_an_issuer_counts_if_its_tokens_say_whose_they_are() {
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
async fn a_key_of_one_tenant_signs_for_no_other() {
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
    assert_eq!(answer(&jwt, &token).await, "not logged in: the token's key is for something else");
}

#[tokio::test]
async fn each_issuer_of_a_list_counts_and_no_other() {
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
async fn a_token_without_an_audience_may_name_the_app_that_it_was_issued_for() {
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
async fn while_an_issuer_moves_tokens_of_its_secret_and_of_its_keys_count() {
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
