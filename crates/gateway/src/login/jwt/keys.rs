//! Selects the key that verifies a token, by the kind of its algorithm. So a public key is never used as a
//! shared secret.

use std::{fs, path::Path, sync::Arc};

use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_egress::{Forbidden, Http};
use terra_auth_model::clock::Clock;
use url::Url;

use super::{
    Issuer, Key,
    key::Kind,
    pinned::{self, IssuerClaims},
};
use crate::{
    login::{
        LoginError,
        jwks::{Jwks, JwksSource},
    },
    settings::JwtSettings,
    setup::SetupError,
};

/// The accepted issuers with their keys, and the secret and algorithms that all of them share.
pub(super) struct Keys {
    trusted: Vec<Trusted>,
    secret: Option<Arc<Key>>,
    pub(super) algorithms: Vec<Algorithm>,
}

/// An issuer and its public keys, if it has any.
pub(super) struct Trusted {
    pub(super) issuer: Issuer,
    public: Option<Public>,
}

#[derive(Clone)]
enum Public {
    Own(Arc<Key>),
    Published(Jwks),
}

/// The claims that select the issuer. They are read before the signature is verified.
#[derive(serde::Deserialize)]
struct UnverifiedClaims {
    iss: Option<String>,
    tid: Option<String>,
}

impl Keys {
    pub(super) fn new(
        settings: &JwtSettings,
        secret: Option<&SecretString>,
        http: &Http,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        if let Some(url) = &settings.jwks_url {
            check(http, url).map_err(|problem| SetupError::invalid("login.jwt.jwks_url", problem))?;
        }
        let secret = secret.map(|secret| Arc::new(Key::secret(secret.expose_secret().as_bytes())));
        let file = settings.public_key_file.as_deref().filter(|_| settings.jwks_url.is_none());
        let file = file.map(public_key).transpose()?.map(Arc::new);
        let given =
            IssuerClaims { published: settings.jwks_url.is_some(), file: file.as_deref(), secret: secret.as_deref() };
        let algorithms = pinned::algorithms(settings.algorithms.as_deref(), &given)?;
        let published = |place| Public::Published(Jwks::new(place, http.clone(), Arc::clone(clock)));
        let shared = match &settings.jwks_url {
            Some(url) => Some(published(JwksSource::At(url.clone()))),
            None => file.map(Public::Own),
        };
        let discovers =
            shared.is_none() && algorithms.iter().any(|algorithm| Kind::of(*algorithm) != Some(Kind::Secret));
        let trust = |name: &String| -> Result<_, SetupError> {
            let issuer = Issuer::new(name)?;
            if discovers {
                let missing =
                    || format!("{name:?} is not a URL, so its keys cannot be discovered; set login.jwt.jwks_url");
                let url = issuer.discovery_url().ok_or_else(missing);
                let checked = url.and_then(|url| check(http, &url));
                checked.map_err(|problem| SetupError::invalid("login.jwt.issuer", problem))?;
            }
            let public =
                shared.clone().or_else(|| discovers.then(|| published(JwksSource::DiscoveredBy(issuer.clone()))));
            Ok(Trusted { issuer, public })
        };
        let trusted: Vec<_> = settings.issuer.iter().map(trust).collect::<Result<_, _>>()?;
        if trusted.is_empty() {
            return Err(SetupError::invalid("login.jwt.issuer", "name at least one; it is the `iss` of the tokens"));
        }
        Ok(Self { trusted, secret, algorithms })
    }

    /// Finds the issuer that the token names. Only the signature proves that the token is from this issuer.
    pub(super) fn trusted(&self, token: &str) -> Result<&Trusted, LoginError> {
        if let [only] = &*self.trusted {
            return Ok(only); // the issuer is checked after the signature
        }
        let UnverifiedClaims { iss, tid } = jsonwebtoken::dangerous::insecure_decode_claims(token)
            .map_err(|_| LoginError::Refused("the token's claims are not valid"))?;
        let iss = iss.unwrap_or_default();
        let found = self.trusted.iter().find(|trusted| trusted.issuer.is(&iss, tid.as_deref()));
        found.ok_or(LoginError::Refused("the token is from another issuer"))
    }

    /// Finds the key for a token of `trusted`.
    pub(super) async fn find(
        &self,
        trusted: &Trusted,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, LoginError> {
        let unfit = LoginError::Refused("the token's algorithm is not accepted");
        match (Kind::of(algorithm), &trusted.public) {
            (Some(Kind::Secret), _) => self.secret.clone().ok_or(unfit),
            (_, Some(Public::Own(key))) => Ok(Arc::clone(key)), // the only key, so its name does not matter
            (_, Some(Public::Published(jwks))) => jwks.find(kid, algorithm).await,
            (_, None) => Err(unfit),
        }
    }

    /// Whether the keys of at least one issuer are available.
    pub(super) async fn reachable(&self) -> Result<(), LoginError> {
        let mut last = Ok(());
        for trusted in &self.trusted {
            let Some(Public::Published(jwks)) = &trusted.public else { return Ok(()) };
            last = jwks.reachable().await;
            if last.is_ok() {
                break;
            }
        }
        last
    }
}

/// Whether keys may be fetched from this URL.
fn check(http: &Http, url: &Url) -> Result<(), String> {
    http.check(url).map_err(|error| match error {
        Forbidden::PlainBeyondLoopback => {
            format!("{url} {error}; set login.jwt.private_http = true if the issuer is in the same private network")
        }
        _ => format!("{url} {error}"),
    })
}

fn public_key(file: &Path) -> Result<Key, SetupError> {
    let invalid = |problem: String| SetupError::invalid("login.jwt.public_key_file", problem);
    let pem = fs::read(file).map_err(|error| invalid(format!("could not read {}: {error}", file.display())))?;
    let problem = "contains no public key for RSA, P-256, P-384 or Ed25519 that begins with -----BEGIN PUBLIC KEY-----";
    Key::from_pem(&pem).ok_or_else(|| invalid(format!("{} {problem}", file.display())))
}
