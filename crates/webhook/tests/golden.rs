//! Golden signatures. An independent HMAC created the file, and the helpers of the official clients accept it.

use serde::Deserialize;
use terra_auth_webhook::{Verifier, sign};

#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    timestamp: i64,
    body: String,
    header: String,
}

fn vectors() -> serde_json::Result<Vec<Vector>> {
    serde_json::from_str(include_str!("golden.json"))
}

#[test]
fn every_golden_vector_is_signed_byte_for_byte() {
    let vectors = vectors().unwrap();
    assert_eq!(vectors.len(), 12);
    for Vector { name, secret, timestamp, body, header } in vectors {
        assert_eq!(sign(secret.as_bytes(), timestamp, body.as_bytes()), header, "{name}");
    }
}

#[test]
fn every_golden_vector_is_accepted() {
    for Vector { name, secret, timestamp, body, header } in vectors().unwrap() {
        assert_eq!(Verifier::new([secret]).verify(&header, body.as_bytes(), timestamp), Ok(timestamp), "{name}");
    }
}
