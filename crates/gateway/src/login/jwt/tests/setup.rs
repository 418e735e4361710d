use std::{io::Write as _, sync::Arc};

use secrecy::SecretString;
use tempfile::NamedTempFile;
use terra_auth_testkit::FixedClock;

use super::{SECRET, answer, claims, settings};
use crate::{
    login::{
        jwt::Jwt,
        testing::{Signer, http},
    },
    settings::JwtSettings,
    setup::SetupError,
};

fn set_up(settings: &JwtSettings, secret: Option<&str>) -> Result<Jwt, SetupError> {
    let secret = secret.map(SecretString::from);
    Jwt::new(settings, secret.as_ref(), &http(), Arc::new(FixedClock::default()))
}

fn pem_file(pem: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

fn with_algorithms(names: &[&str]) -> JwtSettings {
    JwtSettings { algorithms: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..settings() }
}

fn refused_key(outcome: Result<Jwt, SetupError>) -> &'static str {
    match outcome {
        Err(SetupError::Invalid { key, .. }) => key,
        Err(other) => panic!("{other}"),
        Ok(_) => "",
    }
}

#[tokio::test]
async fn a_public_key_file_verifies_only_tokens_of_its_own_kind() {
    for (signer, other) in [
        (Signer::rsa("1"), Signer::p256("1")),
        (Signer::p256("1"), Signer::ed25519("1")),
        (Signer::ed25519("1"), Signer::rsa("1")),
    ] {
        let file = pem_file(&signer.pem());
        let settings = JwtSettings { public_key_file: Some(file.path().to_owned()), ..settings() };
        let jwt = set_up(&settings, None).unwrap();
        assert_eq!(answer(&jwt, &signer.token(&claims())).await, "alice");
        let refused = answer(&jwt, &other.token(&claims())).await;
        assert_eq!(refused, "not logged in: the token's algorithm is not accepted");
    }
}

#[test]
fn algorithms_without_a_fitting_key_are_rejected() {
    const ALGORITHMS: &str = "login.jwt.algorithms";
    for (names, secret) in [
        (&["HS256"][..], None),
        (&["RS256", "HS256"], None),
        (&["RS256"], Some(SECRET)),
        (&["none"], None),
        (&["none"], Some(SECRET)),
        (&["RS256", "rs256"], None),
        (&[], None),
        (&["HS256"], Some("test-key-not-a-secret")), // 21 bytes
        (&["HS512"], Some(SECRET)),
    ] {
        assert_eq!(refused_key(set_up(&with_algorithms(names), secret)), ALGORITHMS, "{names:?}");
    }
    for (names, secret) in [
        (&["HS256"][..], Some(SECRET)),
        (&["HS256", "RS256"], Some(SECRET)),
        (&["RS256", "PS512", "ES384", "EdDSA"], None),
    ] {
        assert_eq!(refused_key(set_up(&with_algorithms(names), secret)), "", "{names:?}");
    }
}

#[test]
fn a_file_without_a_public_key_is_rejected() {
    const FILE: &str = "login.jwt.public_key_file";
    let key = Signer::p256("1").pem();
    for pem in ["", "no key", &key[..100], &key.replace("PUBLIC", "PRIVATE"), &key.replace("PUBLIC KEY", "CERTIFICATE")]
    {
        let file = pem_file(pem);
        let settings = JwtSettings { public_key_file: Some(file.path().to_owned()), ..settings() };
        assert_eq!(refused_key(set_up(&settings, None)), FILE, "{pem}");
    }
    let settings = JwtSettings { public_key_file: Some("/nowhere/key.pem".into()), ..settings() };
    assert_eq!(refused_key(set_up(&settings, None)), FILE);
}

#[test]
fn an_algorithm_that_the_key_in_the_file_cannot_verify_is_rejected() {
    let file = pem_file(&Signer::p256("1").pem());
    let public_key_file = Some(file.path().to_owned());
    let settings = JwtSettings { public_key_file, ..with_algorithms(&["RS256", "ES384"]) };
    assert_eq!(refused_key(set_up(&settings, None)), "login.jwt.algorithms");
}

#[test]
fn keys_are_fetched_over_plain_http_only_from_loopback() {
    let at = |url: &str| JwtSettings { jwks_url: Some(url.parse().unwrap()), ..settings() };
    for url in ["http://1.2.3.4/keys", "http://10.0.0.5/keys", "http://issuer.example/keys", "ftp://127.0.0.1/keys"] {
        assert_eq!(refused_key(set_up(&at(url), None)), "login.jwt.jwks_url", "{url}");
    }
    for url in ["https://issuer.example/keys", "http://127.0.0.1:1/keys", "http://localhost:1/keys"] {
        assert_eq!(refused_key(set_up(&at(url), None)), "", "{url}");
    }
    for issuer in ["http://1.2.3.4/", "http://issuer.example/", "not-a-url"] {
        let settings = JwtSettings { issuer: vec![issuer.to_owned()], ..settings() };
        assert_eq!(refused_key(set_up(&settings, None)), "login.jwt.issuer", "{issuer}");
    }
}

#[test]
fn settings_without_an_audience_are_rejected() {
    let settings = JwtSettings { audience: Vec::new(), ..settings() };
    assert_eq!(refused_key(set_up(&settings, None)), "login.jwt.audience");
}
