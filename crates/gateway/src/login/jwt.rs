//! Login by a JSON Web Token, in `Authorization: Bearer` or in a cookie that the settings name.
//!
//! `jsonwebtoken` verifies the signature. This module decides the keys, the algorithms and the
//! required claims. It uses our clock, and the algorithms are pinned before any token is read.
//!
//! Source: RFC 7519 (claims), RFC 7515 (signatures), RFC 8725 (best practices).

mod claims;
mod cookie;
mod issuer;
mod key;
mod keys;
mod pinned;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use http::{HeaderMap, header::AUTHORIZATION};

use jsonwebtoken::decode_header;

use secrecy::SecretString;

use terra_auth_model::clock::Clock;

use terra_auth_egress::Http;

use super::{EndUser, Login, LoginError, RequestCredentials};

use crate::{settings::JwtSettings, setup::SetupError};

use claims::Expected;

use cookie::Cookie;

pub(super) use issuer::Issuer;

pub(super) use key::Key;

use keys::Keys;

/// The longest accepted token. Tokens with many roles have 9 to 12 KiB, and a request's head may
/// have 32 KiB.
const MAX_BYTES: usize = 24 * 1024;

/// Verifies a token's signature and checks its claims.
pub(crate) struct Jwt {
    keys: Keys,
    expected: Expected,
    /// The cookie in which pages of the app's own site send the token.
    cookie: Option<Cookie>,
    clock: Arc<dyn Clock>,
}

impl Jwt {
    pub(crate) fn new(
        settings: &JwtSettings,
        secret: Option<&SecretString>,
        http: &Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let keys = Keys::new(settings, secret, http, &clock)?;
        let cookie = settings.cookie.as_deref().map(Cookie::new).transpose()?;
        Ok(Self { keys, expected: Expected::new(settings)?, cookie, clock })
    }

    async fn identity(&self, token: &str, ambient: bool) -> Result<EndUser, LoginError> {
        if token.len() > MAX_BYTES {
            return Err(LoginError::Refused("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| LoginError::Refused("the token's header is not valid"))?;
        if !self.keys.algorithms.contains(&header.alg) {
            return Err(LoginError::Refused("the token's algorithm is not accepted"));
        }
        if header.crit.is_some() {
            return Err(LoginError::Refused("the token requires an extension that is not supported"));
        }
        let trusted = self.keys.trusted(token)?;
        let key = self.keys.find(trusted, header.kid.as_deref(), header.alg).await?;
        let claims = key.verify(token, header.alg)?;
        let reference_id = self.expected.user(&claims, &trusted.issuer, &key, self.clock.now())?;
        Ok(EndUser { reference_id, sent_by_browser: ambient })
    }
}

#[async_trait]
impl Login for Jwt {
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError> {
        if let Some(token) = bearer(request.headers)? {
            return self.identity(token, false).await.map(Some);
        }
        match self.cookie.as_ref().and_then(|cookie| cookie.token(request.headers)) {
            Some(token) => self.identity(&token, true).await.map(Some),
            None => Ok(None),
        }
    }

    async fn reachable(&self) -> Result<(), LoginError> {
        self.keys.reachable().await
    }
}

/// Finds the JSON Web Token in the headers: three parts separated by dots. Any other credential is
/// left to another login method.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, LoginError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = values.next().and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let is_jwt = scheme.eq_ignore_ascii_case("bearer") && token.bytes().filter(|byte| *byte == b'.').count() == 2;
        is_jwt.then(|| token.trim())
    });
    if token.is_some() && values.next().is_some() {
        return Err(LoginError::Refused("there is more than one Authorization header"));
    }
    Ok(token)
}
