use serde_json::{Value, json};

use super::{Jwt, NOW_S, answer, claims, trusting, with, without};
use crate::login::testing::{Signer, hs256, unsigned};

async fn all_refused(jwt: &Jwt, tokens: &[(&str, String)], reason: &str) {
    for (what, token) in tokens {
        assert_eq!(answer(jwt, token).await, format!("not logged in: {reason}"), "{what}");
    }
}

#[tokio::test]
async fn a_token_signed_with_another_key_is_rejected() {
    let (own, forger) = (Signer::rsa("1"), Signer::rsa("1"));
    let jwt = trusting(&[&own]).await;
    let token = own.token(&claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bob = unsigned(&json!({ "alg": "RS256", "kid": "1" }), &with("sub", "bob"));
    let bring_key = json!({ "alg": "RS256", "kid": "1", "jwk": forger.jwk(), "jku": "http://127.0.0.1:1/keys" });
    let tokens = [
        ("forged", forger.token(&claims())),
        ("its own key in its header", forger.token_with(&bring_key, &claims())),
        ("another's signature", format!("{bob}.{signature}")),
        ("no signature", format!("{message}.")),
        ("half a signature", format!("{message}.{}", &signature[..100])),
        ("padded", format!("{token}=")),
        ("not base64", format!("{message}.***")),
    ];
    all_refused(&jwt, &tokens, "the token's signature is wrong").await;
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let rsa = Signer::rsa("1");
    let jwt = trusting(&[&rsa]).await;
    let hs = json!({ "alg": "HS256", "kid": "1" });
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let unaccepted = [
        ("the public key as a secret", hs256(rsa.pem().as_bytes(), &hs, &claims())),
        ("without its last line break", hs256(rsa.pem().trim_end().as_bytes(), &hs, &claims())),
        ("the modulus as a secret", hs256(modulus.as_bytes(), &hs, &claims())),
        ("an algorithm that is not pinned", rsa.token_with(&json!({ "alg": "RS384", "kid": "1" }), &claims())),
    ];
    all_refused(&jwt, &unaccepted, "the token's algorithm is not accepted").await;

    let unsigned = |header: Value| format!("{}.", unsigned(&header, &claims()));
    let meaningless = [
        ("none", unsigned(json!({ "alg": "none", "kid": "1" }))),
        ("None", unsigned(json!({ "alg": "None", "kid": "1" }))),
        ("no algorithm", rsa.token_with(&json!({ "kid": "1" }), &claims())),
        ("two algorithms", rsa.token_with(&json!({ "alg": ["RS256"], "kid": "1" }), &claims())),
        ("garbage", "a.b.c".to_owned()),
        ("nothing", "..".to_owned()),
        ("bytes", "\u{fffd}.\u{fffd}.\u{fffd}".to_owned()),
    ];
    all_refused(&jwt, &meaningless[..6], "the token's header is not valid").await;
    assert_eq!(answer(&jwt, &meaningless[6].1).await, "no credentials"); // not text, so no token

    let critical = rsa.token_with(&json!({ "alg": "RS256", "kid": "1", "crit": ["exp"] }), &claims());
    all_refused(&jwt, &[("crit", critical)], "the token requires an extension that is not supported").await;
}

#[tokio::test]
async fn a_token_must_name_a_key_that_fits() {
    let (first, second, curve) = (Signer::rsa("1"), Signer::rsa("2"), Signer::p256("3"));
    let jwt = trusting(&[&first, &second, &curve]).await;
    let named = |header: Value| [("", first.token_with(&header, &claims()))];
    all_refused(&jwt, &named(json!({ "alg": "RS256", "kid": "4" })), "the token's key is unknown").await;
    all_refused(&jwt, &named(json!({ "alg": "RS256", "kid": "" })), "the token's key is unknown").await;
    all_refused(&jwt, &named(json!({ "alg": "RS256", "kid": "3" })), "the token's key cannot be used for this token")
        .await;
    all_refused(&jwt, &named(json!({ "alg": "EdDSA", "kid": "1" })), "the token's key cannot be used for this token")
        .await;
    all_refused(&jwt, &named(json!({ "alg": "RS256" })), "the token does not say which key signed it").await;
    all_refused(&jwt, &named(json!({ "alg": "RS256", "kid": "2" })), "the token's signature is wrong").await;
}

#[tokio::test]
async fn wrong_or_missing_claims_are_rejected() {
    let signer = Signer::ed25519("1");
    let jwt = trusting(&[&signer]).await;
    for (reason, refused) in [
        (
            "the token is from another issuer",
            vec![without("iss"), with("iss", "https://login.example/"), with("iss", json!([super::ISSUER]))],
        ),
        (
            "the token is for another audience",
            vec![
                without("aud"),
                with("aud", "other"),
                with("aud", json!(["other"])),
                with("aud", json!([])),
                with("aud", 1),
            ],
        ),
        ("the token has no expiry time", vec![without("exp")]),
        ("the token is expired", vec![with("exp", -1), with("exp", i64::MIN), with("exp", NOW_S - 3600)]),
        (
            "a time in the token is not a number",
            vec![with("exp", "tomorrow"), with("nbf", Value::Null), with("iat", true)],
        ),
        (
            "the token names no user",
            vec![
                without("sub"),
                with("sub", ""),
                with("sub", "0"),
                with("sub", 0),
                with("sub", "anonymous"),
                with("sub", Value::Null),
                with("sub", 1.5),
                with("sub", true),
                with("sub", "a\nb"),
                with("sub", "a".repeat(513)),
            ],
        ),
    ] {
        for claims in refused {
            all_refused(&jwt, &[(&claims.to_string(), signer.token(&claims))], reason).await;
        }
    }
    let not_claims = [json!("alice"), json!([]), with("sub", json!({ "id": 1 }))];
    for claims in not_claims {
        all_refused(&jwt, &[("", signer.token(&claims))], "the token's claims are not valid").await;
    }
}

#[tokio::test]
async fn a_token_has_24_kib_at_most() {
    let signer = Signer::ed25519("1");
    let jwt = trusting(&[&signer]).await;
    let padded = |len: usize| signer.token(&with("pad", "a".repeat(len)));
    let longest = (18_000..18_400).rev().find(|len| padded(*len).len() <= 24 * 1024).unwrap();
    assert_eq!(answer(&jwt, &padded(longest)).await, "alice");
    all_refused(&jwt, &[("one more", padded(longest + 1))], "the token is too long").await;
}
