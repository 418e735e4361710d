//! The app's identity provider. It publishes one RSA key of 2048 bits, like most providers, and
//! signs tokens with it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use terra_auth_model::clock::{Clock as _, SystemClock};

pub(crate) const AUDIENCE: &str = "acme-api";
const KID: &str = "bench";
const LIFETIME_S: i64 = 24 * 60 * 60;

/// An identity provider that runs until the bench exits.
pub(crate) struct Issuer {
    key: RsaKeyPair,
    address: SocketAddr,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = answer(&jwks(&key));
        thread::spawn(move || listener.incoming().for_each(|stream| publish(stream.unwrap(), &answer)));
        Self { key, address }
    }

    /// The `iss` of its tokens.
    pub(crate) fn name(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// A token for a user, signed with RS256.
    pub(crate) fn token(&self, user: &str) -> String {
        let now = SystemClock.now().as_second();
        let (issuer, expires_at) = (self.name(), now + LIFETIME_S);
        let claims = json!({ "iss": issuer, "aud": AUDIENCE, "sub": user, "iat": now, "exp": expires_at });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT", "kid": KID })), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn jwks(key: &RsaKeyPair) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
    let [n, e] = [public.n, public.e].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": n, "e": e }] })
}

fn answer(body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn publish(mut stream: TcpStream, answer: &str) {
    // The first bytes are enough to answer. A client that disconnects retries.
    let _ = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(answer.as_bytes()));
}
