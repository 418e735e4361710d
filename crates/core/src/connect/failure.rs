//! Logins that made no connection: why, and what becomes of tokens that were given for nothing.

use std::fmt;

use async_trait::async_trait;
use terra_auth_types::UserId;
use uuid::Uuid;

use crate::{
    auth::Auth,
    event::cancelled_event,
    flow::Flow,
    open_session::{FailSession, OpenSession},
    provider::{Grant, ProviderError, Tokens},
    revocation::Revocation,
    store::{StoreError, Tx, Unit},
    widget_session::{SessionState, WidgetSession},
};

/// No connection was made, and why. As text it is the `reason` that the app is told.
///
/// Source: "When a login fails" in `docs/compatibility.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// The end user said no.
    #[error("access_denied")]
    Denied,
    /// The end user left out these scopes, without which the connection is of no use: another login can mend it.
    #[error("missing_scopes")]
    MissingScopes(Vec<String>),
    /// The provider refused, with this OAuth error code.
    #[error("{0}")]
    Refused(String),
    /// The provider could not be reached.
    #[error("provider_unavailable")]
    ProviderDown,
    /// Nobody can log in there any more.
    #[error("provider_shut_down")]
    ShutDown,
    /// The provider refuses the operator's app, or there is none any more.
    #[error("app_refused")]
    AppRefused,
    /// The provider sends end users back over `https` only, and the server is not there.
    #[error("https_required")]
    HttpsRequired,
    /// The environment has as many users as it may have.
    #[error("user_limit_reached")]
    UserLimit,
}

impl ConnectFailure {
    pub(super) fn from_oauth(code: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "temporarily_unavailable" | "server_error" => Self::ProviderDown,
            "unauthorized_client" => Self::AppRefused,
            known if known.len() <= 64 && known.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                Self::Refused(known.to_owned())
            }
            _ => Self::Refused("provider_error".to_owned()),
        }
    }
}

impl From<&ProviderError> for ConnectFailure {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::Refused { code } => Self::from_oauth(code),
            ProviderError::AppRefused { .. } | ProviderError::Unknown => Self::AppRefused,
            ProviderError::ShutDown(_) => Self::ShutDown,
            ProviderError::InsecureCallback => Self::HttpsRequired,
            ProviderError::Incomplete { source, .. } => Self::from(&**source),
            ProviderError::Unreachable(_) | ProviderError::Unreadable => Self::ProviderDown,
        }
    }
}

/// A login that ends without a connection.
pub(super) struct Unused {
    failure: ConnectFailure,
    given: Option<Given>,
}

/// What a provider gave for a login that made no connection.
pub(super) struct Given {
    /// Whose tokens they are, if that is known.
    pub(super) account: Option<String>,
    pub(super) tokens: Tokens,
}

impl Unused {
    pub(super) fn new(failure: ConnectFailure, account: String, tokens: Tokens) -> Self {
        Self { failure, given: Some(Given { account: Some(account), tokens }) }
    }

    /// A grant of which a connection can be made.
    pub(super) fn unless_usable(grant: Grant) -> Result<Grant, Self> {
        if !is_account(&grant.account) {
            let given = Given { account: None, tokens: grant.tokens };
            return Err(Self { failure: ConnectFailure::ProviderDown, given: Some(given) });
        }
        if grant.missing_scopes.is_empty() {
            return Ok(grant);
        }
        Err(Self::new(ConnectFailure::MissingScopes(grant.missing_scopes), grant.account, grant.tokens))
    }
}

/// Whether an account's id can be kept and found again.
fn is_account(id: &str) -> bool {
    (1..=512).contains(&id.len()) && !id.chars().any(char::is_control)
}

impl From<ConnectFailure> for Unused {
    fn from(failure: ConnectFailure) -> Self {
        Self { failure, given: None }
    }
}

impl From<ProviderError> for Unused {
    fn from(error: ProviderError) -> Self {
        let failure = ConnectFailure::from(&error);
        let given = match error {
            ProviderError::Incomplete { tokens, .. } => Some(Given { account: None, tokens: *tokens }),
            _ => None,
        };
        Self { failure, given }
    }
}

impl Auth {
    /// Records a failed login, tells the app, and gives back what the provider gave.
    pub(super) async fn fail(
        &self,
        open: &OpenSession,
        flow: &Flow,
        unused: Unused,
    ) -> Result<ConnectFailure, StoreError> {
        let fail = FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, Some(flow.id), &unused.failure.to_string()),
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        let given = unused.given.map(|given| self.give_back(open, flow, given));
        self.store.run(FailLogin { fail, given }).await?;
        Ok(unused.failure)
    }

    /// Records a failure without a call to the provider, and tells the app. Of a session that has failed already nothing is
    /// told again: a page that somebody loads a hundred times is no news.
    pub(super) async fn fail_once(
        &self,
        open: &OpenSession,
        flow_id: Option<Uuid>,
        reason: &(dyn fmt::Display + Sync),
    ) -> Result<(), StoreError> {
        let fail = FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, flow_id, &reason.to_string()),
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        self.store.run(FailOnce(fail)).await?;
        self.outbox.notify_one();
        Ok(())
    }

    pub(super) fn give_back(&self, open: &OpenSession, flow: &Flow, given: Given) -> GiveBack {
        let session = &open.session;
        let user_id = UserId(self.entropy.id());
        let revocation = Revocation {
            user_id,
            dev_id: session.dev_id.clone(),
            provider: flow.provider.clone(),
            account: given.account.clone(),
            grant: Some(self.seal_grant(&session.dev_id, user_id, &given.tokens)),
            in_flight_since: None,
            created_at: self.now(),
            attempts: 0,
            next_attempt_at: self.now(),
        };
        GiveBack { session: session.clone(), account: given.account, revocation }
    }
}

struct FailOnce(FailSession);

#[async_trait]
impl Unit for FailOnce {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let session = tx.widget_session(self.0.session.session_id).await?;
        let is_news = session.is_some_and(|session| session.state != SessionState::Failed);
        if is_news { self.0.run(tx).await } else { Ok(()) }
    }
}

struct FailLogin {
    fail: FailSession,
    given: Option<GiveBack>,
}

#[async_trait]
impl Unit for FailLogin {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        self.fail.run(tx).await?;
        match &self.given {
            Some(give_back) => give_back.run(tx).await,
            None => Ok(()),
        }
    }
}

/// Revokes tokens of which no connection was made, unless that could end one that the end user already has.
pub(super) struct GiveBack {
    session: WidgetSession,
    account: Option<String>,
    revocation: Revocation,
}

#[async_trait]
impl Unit for GiveBack {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if self.is_connected(tx).await? { Ok(()) } else { tx.add_revocation(&self.revocation).await }
    }
}

impl GiveBack {
    async fn is_connected(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Revocation { dev_id, provider, .. } = &self.revocation;
        let reference_id = self.session.request.reference_id.as_ref();
        match (&self.account, reference_id) {
            (Some(account), _) => {
                let held = tx.hold_grants_of_account(dev_id, provider, account).await?;
                Ok(held.iter().any(|grant| !grant.state.is_over()))
            }
            (None, Some(reference_id)) => {
                let connections = tx.connections_of(dev_id, reference_id, 500).await?;
                Ok(connections.iter().any(|connection| connection.provider == *provider))
            }
            (None, None) => Ok(false),
        }
    }
}
