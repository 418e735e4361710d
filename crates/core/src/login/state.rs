//! The state of a login, encrypted in the OAuth `state` parameter. Nothing is stored until the login returns. A row
//! then records that its `state` was consumed, and the outcome.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use terra_auth_model::keys::{SealContext, Sealed};
use terra_auth_types::{Provider, SessionId};
use uuid::Uuid;

use crate::{auth::Auth, login::reason::FinishLoginError};

/// The state of a login, as the encrypted `state` parameter carries it through the provider.
#[derive(Clone, Debug)]
pub struct LoginState {
    pub(crate) id: Uuid,
    pub(crate) provider: Provider,
    pub(crate) session_id: SessionId,
    pub(crate) session_secret: [u8; 16],
    pub(crate) code_verifier: [u8; 32],
    pub(crate) cookie_digest: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

impl Auth {
    /// Decrypts the `state` of a redirect from this provider.
    ///
    /// # Errors
    ///
    /// [`FinishLoginError::UnknownState`].
    pub fn open_login_state(&self, slug: &str, state: &str) -> Result<LoginState, FinishLoginError> {
        let provider: Provider = slug.parse().map_err(|_| FinishLoginError::UnknownState)?;
        let sealed = BASE64.decode(state).map_err(|_| FinishLoginError::UnknownState)?;
        let opened = self
            .keys()
            .open(state_seal_context(&provider), &Sealed(sealed))
            .map_err(|_| FinishLoginError::UnknownState)?;
        LoginState::from_bytes(provider, &opened).ok_or(FinishLoginError::UnknownState)
    }

    pub(crate) fn seal_login_state(&self, flow: &LoginState) -> String {
        BASE64.encode(self.keys().seal(self.entropy().as_ref(), state_seal_context(&flow.provider), &flow.to_bytes()).0)
    }
}

impl LoginState {
    /// The provider that the end user went to.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The name of the cookie that binds this login to a browser.
    #[must_use]
    pub fn cookie_name(&self) -> String {
        format!("terra_flow_{}", self.id.simple())
    }

    /// Login id (16 bytes), session id and secret (16 each), code verifier (32), cookie digest (32), expiry in Unix
    /// milliseconds (8).
    fn to_bytes(&self) -> Vec<u8> {
        let expiry = self.expires_at.as_millisecond().to_be_bytes();
        let session: [&[u8]; 2] = [self.session_id.0.as_bytes(), &self.session_secret];
        let parts = [self.id.as_bytes(), &session.concat()[..], &self.code_verifier, &self.cookie_digest, &expiry];
        parts.concat()
    }

    fn from_bytes(provider: Provider, bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (session_secret, rest) = rest.split_first_chunk::<16>()?;
        let (code_verifier, rest) = rest.split_first_chunk::<32>()?;
        let (cookie_digest, rest) = rest.split_first_chunk::<32>()?;
        Some(Self {
            id: Uuid::from_bytes(*id),
            provider,
            session_id: SessionId(Uuid::from_bytes(*session_id)),
            session_secret: *session_secret,
            code_verifier: *code_verifier,
            cookie_digest: *cookie_digest,
            expires_at: Timestamp::from_millisecond(i64::from_be_bytes(rest.try_into().ok()?)).ok()?,
        })
    }
}

fn state_seal_context(provider: &Provider) -> SealContext<'_> {
    SealContext { dev_id: "", row: provider.as_str(), column: "oauth state" }
}
