//! A login on its way: everything about it travels through the provider, sealed. When it comes back it is spent: a row says
//! so, and how it ended.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{Provider, SessionId, UserId};
use uuid::Uuid;

use crate::{
    auth::Auth,
    connect::{ConnectFailure, ReturnError},
    seal::{Place, Sealed},
    store::StoreError,
};

/// A login on its way, as the sealed `state` carries it through the provider.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(crate) id: Uuid,
    pub(crate) provider: Provider,
    pub(crate) session_id: SessionId,
    pub(crate) session_secret: [u8; 16],
    pub(crate) code_verifier: [u8; 32],
    pub(crate) cookie_digest: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

/// A login that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentFlow {
    /// How it ended; `None` while it is under way, or if the process that finished it died.
    pub outcome: Option<FlowOutcome>,
}

/// How a login ended. Kept as JSON in one column, so that a second arrival gets the same page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowOutcome {
    /// With a connection.
    Connected {
        /// The connection.
        user_id: UserId,
        /// What was asked for and not granted.
        declined_scopes: Vec<String>,
    },
    /// Without one, and the app was told why.
    Failed(ConnectFailure),
    /// It took longer than 15 minutes.
    Expired,
    /// Another login of the same session was faster.
    Used,
    /// The store failed after the code was exchanged; the tokens were given back.
    Abandoned,
}

/// The verbs for logins that came back.
#[async_trait]
pub trait SpentFlows: Send {
    /// Spends a login; answers whether it was unspent. Of any number of callers one is told yes. A login that expires at or
    /// before one that was forgotten counts as spent.
    async fn spend_flow(&mut self, flow_id: Uuid, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Records how a spent login ended, unless that is recorded already; answers whether it was recorded.
    async fn end_flow(&mut self, flow_id: Uuid, outcome: &FlowOutcome) -> Result<bool, StoreError>;

    /// A spent login.
    async fn spent_flow(&mut self, flow_id: Uuid) -> Result<Option<SpentFlow>, StoreError>;
}

impl Auth {
    /// Opens the `state` of a redirect from this provider.
    ///
    /// # Errors
    ///
    /// [`ReturnError::UnknownState`].
    pub fn flow(&self, slug: &str, state: &str) -> Result<Flow, ReturnError> {
        let provider: Provider = slug.parse().map_err(|_| ReturnError::UnknownState)?;
        let sealed = BASE64.decode(state).map_err(|_| ReturnError::UnknownState)?;
        let opened = self.keys.open(flow_place(&provider), &Sealed(sealed)).map_err(|_| ReturnError::UnknownState)?;
        Flow::from_bytes(provider, &opened).ok_or(ReturnError::UnknownState)
    }

    pub(crate) fn seal_flow(&self, flow: &Flow) -> String {
        BASE64.encode(self.keys.seal(self.entropy.as_ref(), flow_place(&flow.provider), &flow.to_bytes()).0)
    }
}

impl Flow {
    /// The provider that the end user went to.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Name of the cookie that binds this login to a browser.
    #[must_use]
    pub fn cookie_name(&self) -> String {
        format!("terra_flow_{}", self.id.simple())
    }

    /// Flow id (16 bytes), session id and secret (16 each), code verifier (32), cookie digest (32), expiry in Unix milliseconds (8).
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

fn flow_place(provider: &Provider) -> Place<'_> {
    Place { dev_id: "", row: provider.as_str(), column: "oauth state" }
}
