use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::SecretString;
use terra_auth_types::AdminToken;

use crate::{Credentials, CredentialsError};

/// The authentication headers of a client's calls.
pub(crate) struct Keys {
    headers: HeaderMap,
    /// The secret that must not appear in any text.
    pub(super) secret: SecretString,
}

const API_KEY: &str = "x-api-key";

impl Keys {
    /// Uses both keys of an environment.
    pub(crate) fn of(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let header = |key, text: &str| {
            let place = || credentials.source.clone().into();
            let problem = "must be visible ASCII characters";
            let value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty());
            value.ok_or_else(|| CredentialsError::Invalid { place: place(), key, problem })
        };
        let mut api_key = header("TERRA_API_KEY", credentials.api_key.expose())?;
        api_key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("dev-id", header("TERRA_DEV_ID", credentials.dev_id.as_str())?);
        headers.insert(API_KEY, api_key);
        Ok(Self::new(headers, credentials.api_key.expose()))
    }

    /// Uses an admin token. Returns `None` if it cannot be sent in a header.
    pub(crate) fn of_admin(token: &AdminToken) -> Option<Self> {
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let token = Some(token.expose()).filter(|token| visible(token))?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        bearer.set_sensitive(true);
        Some(Self::new(HeaderMap::from_iter([(AUTHORIZATION, bearer)]), token))
    }

    fn new(mut headers: HeaderMap, secret: &str) -> Self {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { headers, secret: secret.into() }
    }

    /// Returns the headers of a call, with or without the API key.
    pub(super) fn headers(&self, with_api_key: bool) -> HeaderMap {
        let mut headers = self.headers.clone();
        if !with_api_key {
            headers.remove(API_KEY);
        }
        headers
    }
}
