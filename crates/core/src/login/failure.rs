//! Records a failed login, and revokes its tokens: step 6 of [the protocol](crate::login).

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    causes::Causes,
    connection::{MAX_ACCOUNT_BYTES, MAX_CONNECTIONS_OF_END_USER},
    event::EventRecord,
    login::{ConnectFailure, RecordedOutcome},
    provider::{Grant, ProviderError, Tokens},
    revocation::Revocation,
    store::{Tx, Unit},
    store_error::StoreError,
    widget_session::{SessionState, WidgetSession},
};
use terra_auth_types::{EventId, UserId, wire::Event};
use uuid::Uuid;

use crate::{
    auth::Auth,
    event::{cancelled_event, publish},
    login::{
        open_session::OpenSession,
        reason::{Connected, FinishLoginError, LoginResult},
        state::LoginState,
    },
};

/// The outcome of a login.
pub(super) enum LoginOutcome {
    /// The login created a connection.
    Connected(Connected),
    /// The login created no connection. Tokens that the provider issued are revoked.
    Failed {
        /// Why there is no connection.
        reason: FailureCause,
        /// The tokens of the login, if it got that far.
        tokens_to_revoke: Option<OrphanedTokens>,
    },
}

/// Why there is no connection.
pub(super) enum FailureCause {
    /// A failure that the app is notified of.
    Failure(ConnectFailure),
    /// Another login used the session first.
    Used,
    /// The store failed.
    Store(StoreError),
}

impl FailureCause {
    fn failure(&self) -> Option<&ConnectFailure> {
        match self {
            Self::Failure(failure) => Some(failure),
            Self::Used | Self::Store(_) => None,
        }
    }

    fn outcome(&self) -> RecordedOutcome {
        match self {
            Self::Failure(failure) => RecordedOutcome::Failed(failure.clone()),
            Self::Used => RecordedOutcome::Used,
            Self::Store(_) => RecordedOutcome::Abandoned,
        }
    }
}

impl From<ConnectFailure> for FailureCause {
    fn from(failure: ConnectFailure) -> Self {
        Self::Failure(failure)
    }
}

/// The tokens of a login that created no connection.
pub(super) struct OrphanedTokens {
    /// The account that the tokens belong to, if it is known.
    pub(super) account: Option<String>,
    pub(super) tokens: Tokens,
}

impl LoginOutcome {
    pub(super) fn failed(reason: FailureCause, account: String, tokens: Tokens) -> Self {
        Self::Failed { reason, tokens_to_revoke: Some(OrphanedTokens { account: Some(account), tokens }) }
    }

    /// Returns the grant if a connection can be created from it; the failed login otherwise.
    #[expect(clippy::result_large_err, reason = "moved once, and only by a login that failed")]
    pub(super) fn check_grant(grant: Grant) -> Result<Grant, Self> {
        if !is_storable_account_id(&grant.account) {
            let given = OrphanedTokens { account: None, tokens: grant.tokens };
            return Err(Self::Failed { reason: ConnectFailure::ProviderDown.into(), tokens_to_revoke: Some(given) });
        }
        if grant.missing_scopes.is_empty() {
            return Ok(grant);
        }
        Err(Self::failed(ConnectFailure::MissingScopes(grant.missing_scopes).into(), grant.account, grant.tokens))
    }
}

/// Returns whether an account's id can be stored and looked up: 1 to 512 bytes, without control characters.
fn is_storable_account_id(id: &str) -> bool {
    (1..=MAX_ACCOUNT_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)
}

impl From<ConnectFailure> for LoginOutcome {
    fn from(failure: ConnectFailure) -> Self {
        Self::Failed { reason: failure.into(), tokens_to_revoke: None }
    }
}

impl From<ProviderError> for LoginOutcome {
    fn from(error: ProviderError) -> Self {
        let reason = ConnectFailure::from(&error).into();
        let tokens_to_revoke = match error {
            ProviderError::Incomplete { tokens, .. } => Some(OrphanedTokens { account: None, tokens: *tokens }),
            _ => None,
        };
        Self::Failed { reason, tokens_to_revoke }
    }
}

impl Auth {
    /// Records a failed login: stores the outcome, notifies the app, and revokes the login's tokens.
    ///
    /// If only the store's response was lost, the connection may exist after all. Then that result is returned.
    ///
    /// # Errors
    ///
    /// See [`FinishLoginError`].
    pub(super) async fn record_failed_login(
        &self,
        open: &OpenSession,
        flow: &LoginState,
        reason: FailureCause,
        tokens_to_revoke: Option<OrphanedTokens>,
    ) -> Result<LoginResult, FinishLoginError> {
        let outcome = reason.outcome();
        let unit = RecordFailedLogin {
            flow_id: flow.id,
            fail: reason.failure().map(|failure| FailSession {
                session: open.session.clone(),
                to: SessionState::Failed,
                event: cancelled_event(open, Some(flow.id), &failure.to_string()),
                event_id: self.new_event_id(),
                now: self.now(),
            }),
            outcome,
            tokens_to_revoke: tokens_to_revoke.as_ref().map(|tokens| self.revoke_orphaned_tokens(open, flow, tokens)),
        };
        match self.store().run(unit).await {
            Ok(None) => {}
            Ok(Some(recorded)) => {
                return self.repeated_result(open.clone(), flow.provider.clone(), Some(recorded));
            }
            Err(error) => {
                if let Some(tokens) = &tokens_to_revoke {
                    self.revoke_at_once(open, flow, tokens, &error).await;
                }
                return Err(error.into());
            }
        }
        self.outbox().notify_one();
        match reason {
            FailureCause::Failure(failure) => {
                Ok(LoginResult { open: open.clone(), provider: flow.provider.clone(), outcome: Err(failure) })
            }
            FailureCause::Used => Err(FinishLoginError::Used(Box::new(open.clone()))),
            FailureCause::Store(error) => Err(error.into()),
        }
    }

    /// Revokes tokens at the provider immediately, because their revocation could not be stored.
    async fn revoke_at_once(&self, open: &OpenSession, flow: &LoginState, given: &OrphanedTokens, error: &StoreError) {
        let (dev_id, provider) = (&open.session.dev_id, &flow.provider);
        match self.revoke_at(dev_id, provider, given.account.as_deref(), &given.tokens).await {
            Ok(_) => tracing::error!(
                %dev_id, %provider, error = %Causes(error),
                "could not store a login; its tokens were revoked"
            ),
            Err(failed) => tracing::error!(
                %dev_id, %provider, error = %Causes(error), revocation = %Causes(&failed),
                "could not store a login or revoke its tokens; the end user can remove the app's access at the provider"
            ),
        }
    }

    /// Records a failure without a call to the provider, and notifies the app. A session that has already failed sends
    /// no second event, so reloading a page does not repeat it.
    pub(super) async fn fail_once(
        &self,
        open: &OpenSession,
        reason: &(dyn fmt::Display + Sync),
    ) -> Result<(), StoreError> {
        let fail = FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, None, &reason.to_string()),
            event_id: self.new_event_id(),
            now: self.now(),
        };
        self.store().run(FailSessionOnce(fail)).await?;
        self.outbox().notify_one();
        Ok(())
    }

    pub(super) fn revoke_orphaned_tokens(
        &self,
        open: &OpenSession,
        flow: &LoginState,
        given: &OrphanedTokens,
    ) -> RevokeOrphanedTokens {
        let session = &open.session;
        let user_id = UserId(self.entropy().id());
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
        RevokeOrphanedTokens { session: session.clone(), account: given.account.clone(), revocation }
    }
}

pub(super) struct FailSessionOnce(pub(super) FailSession);

#[async_trait]
impl Unit for FailSessionOnce {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let session = tx.widget_session(self.0.session.session_id).await?;
        let has_not_failed = session.is_some_and(|session| session.state != SessionState::Failed);
        if has_not_failed { self.0.run(tx).await } else { Ok(()) }
    }
}

/// Stores everything about a failed login. If another outcome is recorded already, returns it and changes nothing.
struct RecordFailedLogin {
    flow_id: Uuid,
    outcome: RecordedOutcome,
    fail: Option<FailSession>,
    tokens_to_revoke: Option<RevokeOrphanedTokens>,
}

#[async_trait]
impl Unit for RecordFailedLogin {
    type Done = Option<RecordedOutcome>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<RecordedOutcome>, StoreError> {
        if !tx.record_login_outcome(self.flow_id, &self.outcome).await? {
            let recorded = tx.consumed_login(self.flow_id).await?.and_then(|spent| spent.outcome);
            if recorded.is_some() {
                return Ok(recorded);
            }
        }
        if let Some(fail) = &self.fail {
            fail.run(tx).await?;
        }
        if let Some(revoke) = &self.tokens_to_revoke {
            revoke.run(tx).await?;
        }
        Ok(None)
    }
}

/// Revokes the tokens of a failed login, unless that could break a connection that the end user already has.
pub(super) struct RevokeOrphanedTokens {
    session: WidgetSession,
    account: Option<String>,
    revocation: Revocation,
}

#[async_trait]
impl Unit for RevokeOrphanedTokens {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if self.is_connected(tx).await? { Ok(()) } else { tx.add_revocation(&self.revocation).await }
    }
}

impl RevokeOrphanedTokens {
    async fn is_connected(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Revocation { dev_id, provider, .. } = &self.revocation;
        let reference_id = self.session.request.reference_id.as_ref();
        match (&self.account, reference_id) {
            (Some(account), _) => {
                let held = tx.lock_grants_of_account(dev_id, provider, account).await?;
                Ok(held.iter().any(|grant| !grant.state.requires_reconnect()))
            }
            (None, Some(reference_id)) => {
                let connections = tx.connections_of(dev_id, reference_id, MAX_CONNECTIONS_OF_END_USER).await?;
                Ok(connections.iter().any(|connection| connection.provider == *provider))
            }
            (None, None) => Ok(false),
        }
    }
}

/// Records that a session, or one login of it, ended without a connection. Adds the event for the app, unless the
/// session is already used.
pub(crate) struct FailSession {
    pub(crate) session: WidgetSession,
    pub(crate) to: SessionState,
    pub(crate) event: Event,
    pub(crate) event_id: EventId,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Unit for FailSession {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if tx.move_widget_session(self.session.session_id, self.to).await? {
            publish(tx, &EventRecord::new(self.event_id, &self.session.dev_id, &self.event, self.now)).await?;
        }
        Ok(())
    }
}
