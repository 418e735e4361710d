//! Logins that made no connection: why, and what becomes of tokens that were given for nothing.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use terra_auth_types::UserId;
use uuid::Uuid;

use super::{Connected, ReturnError};
use crate::{
    auth::Auth,
    causes::Causes,
    event::cancelled_event,
    flow::{Flow, FlowOutcome},
    open_session::{FailSession, OpenSession},
    provider::{Grant, ProviderError, Tokens},
    revocation::Revocation,
    store::{StoreError, Tx, Unit},
    widget_session::{SessionState, WidgetSession},
};

/// No connection was made, and why. As text it is the `reason` that the app is told.
///
/// Source: "When a login fails" in `docs/compatibility.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    why: Why,
    given: Option<Given>,
}

/// Why there is no connection.
pub(super) enum Why {
    /// The app is told.
    Failure(ConnectFailure),
    /// Another login of the session was faster.
    Used,
    /// Nothing could be stored.
    Store(StoreError),
}

impl Why {
    fn failure(&self) -> Option<&ConnectFailure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Used | Self::Store(_) => None,
        }
    }

    fn outcome(&self) -> FlowOutcome {
        match self {
            Self::Failure(failure) => FlowOutcome::Failed(failure.clone()),
            Self::Used => FlowOutcome::Used,
            Self::Store(_) => FlowOutcome::Abandoned,
        }
    }
}

impl From<ConnectFailure> for Why {
    fn from(failure: ConnectFailure) -> Self {
        Self::Failure(failure)
    }
}

/// What a provider gave for a login that made no connection.
pub(super) struct Given {
    /// Whose tokens they are, if that is known.
    pub(super) account: Option<String>,
    pub(super) tokens: Tokens,
}

impl Unused {
    pub(super) fn new(why: Why, account: String, tokens: Tokens) -> Self {
        Self { why, given: Some(Given { account: Some(account), tokens }) }
    }

    /// A grant of which a connection can be made.
    pub(super) fn unless_usable(grant: Grant) -> Result<Grant, Self> {
        if !is_account(&grant.account) {
            let given = Given { account: None, tokens: grant.tokens };
            return Err(Self { why: ConnectFailure::ProviderDown.into(), given: Some(given) });
        }
        if grant.missing_scopes.is_empty() {
            return Ok(grant);
        }
        Err(Self::new(ConnectFailure::MissingScopes(grant.missing_scopes).into(), grant.account, grant.tokens))
    }
}

/// Whether an account's id can be kept and found again.
fn is_account(id: &str) -> bool {
    (1..=512).contains(&id.len()) && !id.chars().any(char::is_control)
}

impl From<ConnectFailure> for Unused {
    fn from(failure: ConnectFailure) -> Self {
        Self { why: failure.into(), given: None }
    }
}

impl From<ProviderError> for Unused {
    fn from(error: ProviderError) -> Self {
        let why = ConnectFailure::from(&error).into();
        let given = match error {
            ProviderError::Incomplete { tokens, .. } => Some(Given { account: None, tokens: *tokens }),
            _ => None,
        };
        Self { why, given }
    }
}

impl Auth {
    /// Ends a login that made no connection: records the outcome, tells the app, and gives back what the provider gave. It may
    /// turn out that the connection was made after all, where the store lost its answer.
    ///
    /// # Errors
    ///
    /// See [`ReturnError`].
    pub(super) async fn conclude(
        &self,
        open: &OpenSession,
        flow: &Flow,
        unused: Unused,
    ) -> Result<Result<Connected, ConnectFailure>, ReturnError> {
        let Unused { why, given } = unused;
        let outcome = why.outcome();
        let unit = Conclude {
            flow_id: flow.id,
            fail: why.failure().map(|failure| FailSession {
                session: open.session.clone(),
                to: SessionState::Failed,
                event: cancelled_event(open, Some(flow.id), &failure.to_string()),
                delivery_id: self.delivery_id(),
                now: self.now(),
            }),
            outcome,
            given: given.as_ref().map(|given| self.give_back(open, flow, given)),
        };
        match self.store.run(unit).await {
            Ok(None) => {}
            Ok(Some(recorded)) => {
                let arrival = self.arrive_again(open.clone(), flow.provider.clone(), Some(recorded))?;
                return Ok(arrival.outcome);
            }
            Err(error) => {
                if let Some(given) = &given {
                    self.revoke_at_once(open, flow, given, &error).await;
                }
                return Err(error.into());
            }
        }
        self.outbox.notify_one();
        match why {
            Why::Failure(failure) => Ok(Err(failure)),
            Why::Used => Err(ReturnError::Used(Box::new(open.clone()))),
            Why::Store(error) => Err(error.into()),
        }
    }

    /// The last resort for tokens that no store remembers.
    async fn revoke_at_once(&self, open: &OpenSession, flow: &Flow, given: &Given, error: &StoreError) {
        let (dev_id, provider) = (&open.session.dev_id, &flow.provider);
        match self.revoke_at(dev_id, provider, given.account.as_deref(), &given.tokens).await {
            Ok(_) => tracing::error!(
                %dev_id, %provider, error = %Causes(error),
                "a login could not be stored, and its tokens were revoked"
            ),
            Err(failed) => tracing::error!(
                %dev_id, %provider, error = %Causes(error), revocation = %Causes(&failed),
                "a login could not be stored, and its tokens could not be revoked; the end user can remove the app's access at the provider"
            ),
        }
    }

    /// Records a failure without a call to the provider, and tells the app. Of a session that has failed already nothing is
    /// told again: a page that somebody loads a hundred times is no news.
    pub(super) async fn fail_once(
        &self,
        open: &OpenSession,
        reason: &(dyn fmt::Display + Sync),
    ) -> Result<(), StoreError> {
        let fail = FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, None, &reason.to_string()),
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        self.store.run(FailOnce(fail)).await?;
        self.outbox.notify_one();
        Ok(())
    }

    pub(super) fn give_back(&self, open: &OpenSession, flow: &Flow, given: &Given) -> GiveBack {
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
        GiveBack { session: session.clone(), account: given.account.clone(), revocation }
    }
}

pub(super) struct FailOnce(pub(super) FailSession);

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

/// Everything that a login without a connection leaves; answers with another outcome if there is one.
struct Conclude {
    flow_id: Uuid,
    outcome: FlowOutcome,
    fail: Option<FailSession>,
    given: Option<GiveBack>,
}

#[async_trait]
impl Unit for Conclude {
    type Done = Option<FlowOutcome>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<FlowOutcome>, StoreError> {
        if !tx.end_flow(self.flow_id, &self.outcome).await? {
            let recorded = tx.spent_flow(self.flow_id).await?.and_then(|spent| spent.outcome);
            if recorded.is_some() {
                return Ok(recorded);
            }
        }
        if let Some(fail) = &self.fail {
            fail.run(tx).await?;
        }
        if let Some(give_back) = &self.given {
            give_back.run(tx).await?;
        }
        Ok(None)
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
