//! Finishes a login that returns from its provider: steps 2 to 4 of [the protocol](crate::login), and the results of
//! steps 5 and 6.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use subtle::ConstantTimeEq as _;
use terra_auth_model::{
    causes::Causes,
    digest::sha256,
    login::{ConnectFailure, ConsumedLogin, RecordedOutcome},
    provider::{CodeExchange, Grant},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
    widget_session::SessionState,
};
use terra_auth_types::{Provider, log_limit::LogLimit};
use tracing::Instrument as _;

use crate::{
    auth::Auth,
    event::cancelled_event,
    login::{
        failure::{FailSession, FailSessionOnce, LoginOutcome},
        open_session::OpenSession,
        reason::{AuthorizationResponse, Connected, FinishLoginError, LoginResult, MAX_LOGINS_PER_SESSION},
        state::LoginState,
    },
};

/// How long a second return of a `state` waits for the outcome of the first. Longer than an exchange can take.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(25);
const OUTCOME_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Whether a login returns for the first time.
enum ReturnKind {
    /// It returns for the first time. Its `state` is now consumed.
    First,
    /// It returned before, with this outcome if there is one.
    Repeated(Option<RecordedOutcome>),
}

impl Auth {
    /// Finishes a login: exchanges the code and creates the connection, or records the failure. A login is finished
    /// once, however often its `state` returns.
    ///
    /// # Errors
    ///
    /// See [`FinishLoginError`]; no connection was created.
    pub async fn finish_login(
        &self,
        flow: LoginState,
        answer: AuthorizationResponse,
    ) -> Result<LoginResult, FinishLoginError> {
        let open =
            self.load_session(flow.session_id, flow.session_secret).await?.ok_or(FinishLoginError::UnknownState)?;
        let digest = sha256(answer.cookie.as_deref().unwrap_or_default().as_bytes());
        if !bool::from(digest.ct_eq(&flow.cookie_digest)) {
            return Err(FinishLoginError::WrongBrowser);
        }
        if self.providers().issuer(&flow.provider).is_some_and(|issuer| answer.iss != Some(issuer)) {
            return Err(FinishLoginError::UnknownState);
        }
        match self.consume_state(&open, &flow).await? {
            ReturnKind::First => {
                let (auth, unfinished) = (self.clone(), open.clone());
                let task = async move { auth.finish_first_return(open, flow, answer).await };
                let task = tokio::spawn(task.in_current_span());
                task.await.unwrap_or_else(|_| Err(FinishLoginError::Unfinished(Box::new(unfinished))))
            }
            ReturnKind::Repeated(outcome) => {
                let outcome = match outcome {
                    None => self.wait_for_outcome(&flow).await?,
                    known => known,
                };
                self.repeated_result(open, flow.provider, outcome)
            }
        }
    }

    async fn consume_state(&self, open: &OpenSession, flow: &LoginState) -> Result<ReturnKind, FinishLoginError> {
        if let Some(ConsumedLogin { outcome }) = self.store().read(ReadConsumedLogin { login_id: flow.id }).await? {
            return Ok(ReturnKind::Repeated(outcome));
        }
        if open.session.state.is_used() {
            return Err(FinishLoginError::Used(Box::new(open.clone())));
        }
        if open.session.logins >= MAX_LOGINS_PER_SESSION {
            return Err(FinishLoginError::TooManyLogins(Box::new(open.clone())));
        }
        let expired = (self.now() >= flow.expires_at).then(|| FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, Some(flow.id), "session_expired"),
            event_id: self.new_event_id(),
            now: self.now(),
        });
        let begun = self
            .store()
            .run(ConsumeState { open: open.clone(), flow: flow.clone(), expired: expired.map(FailSessionOnce) })
            .await?;
        self.outbox().notify_one();
        Ok(begun)
    }

    async fn finish_first_return(
        &self,
        open: OpenSession,
        flow: LoginState,
        answer: AuthorizationResponse,
    ) -> Result<LoginResult, FinishLoginError> {
        let exchange = |code| CodeExchange {
            code,
            code_verifier: BASE64.encode(flow.code_verifier).into(),
            redirect_uri: self.redirect_uri(&flow.provider),
            scope: answer.scope,
            reference_id: open.session.request.reference_id.clone(),
        };
        let outcome = match self.exchange_code(&open, &flow.provider, answer.code.map(exchange)).await {
            Ok(grant) => self.complete_login(&open, &flow, grant).await,
            Err(failed) => failed,
        };
        let result = match outcome {
            LoginOutcome::Connected(connected) => LoginResult { open, provider: flow.provider, outcome: Ok(connected) },
            LoginOutcome::Failed { reason, tokens_to_revoke } => {
                self.record_failed_login(&open, &flow, reason, tokens_to_revoke).await?
            }
        };
        self.outbox().notify_one();
        Ok(result)
    }

    async fn exchange_code(
        &self,
        open: &OpenSession,
        provider: &Provider,
        exchange: Result<CodeExchange, String>,
    ) -> Result<Grant, LoginOutcome> {
        let exchange = exchange.map_err(|code| LoginOutcome::from(ConnectFailure::from_oauth(&code)))?;
        let dev_id = &open.developer.dev_id;
        if !self.logins().may_exchange(dev_id, provider) {
            static LIMIT: LogLimit = LogLimit::new();
            if let Some(left_out) = LIMIT.admit(Instant::now()) {
                tracing::warn!(%dev_id, %provider, left_out, "too many logins at once at {provider}; rejected a login without exchanging its code");
            }
            return Err(ConnectFailure::ProviderDown.into());
        }
        match self.exchange_at(dev_id, provider, &exchange).await {
            Ok(grant) => LoginOutcome::check_grant(grant),
            Err(error) => {
                tracing::warn!(%provider, error = %Causes(&error), "could not finish a login at {provider}");
                Err(error.into())
            }
        }
    }

    /// Waits for the outcome of a login that this node or another one is finishing.
    async fn wait_for_outcome(&self, flow: &LoginState) -> Result<Option<RecordedOutcome>, StoreError> {
        let Ok(_permit) = self.logins().waiting.try_acquire() else { return Ok(None) };
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        loop {
            let spent = self.store().read(ReadConsumedLogin { login_id: flow.id }).await?;
            match spent.and_then(|spent| spent.outcome) {
                Some(outcome) => return Ok(Some(outcome)),
                None if Instant::now() >= deadline => return Ok(None),
                None => tokio::time::sleep(OUTCOME_POLL_INTERVAL).await,
            }
        }
    }

    /// Returns the result of a login that returned before. Changes nothing, and sends no event.
    pub(super) fn repeated_result(
        &self,
        open: OpenSession,
        provider: Provider,
        outcome: Option<RecordedOutcome>,
    ) -> Result<LoginResult, FinishLoginError> {
        match outcome {
            Some(RecordedOutcome::Connected { user_id, declined_scopes }) => {
                let return_target = self.return_target_of_success(&open.session, user_id, &provider);
                Ok(LoginResult { open, provider, outcome: Ok(Connected { user_id, declined_scopes, return_target }) })
            }
            Some(RecordedOutcome::Failed(_) | RecordedOutcome::Used) if open.session.state.is_used() => {
                Err(FinishLoginError::Used(Box::new(open)))
            }
            Some(RecordedOutcome::Failed(failure)) => Ok(LoginResult { open, provider, outcome: Err(failure) }),
            Some(RecordedOutcome::Expired) => Err(FinishLoginError::Expired(Box::new(open))),
            Some(RecordedOutcome::Used) => Err(FinishLoginError::Used(Box::new(open))),
            Some(RecordedOutcome::Abandoned) | None => Err(FinishLoginError::Unfinished(Box::new(open))),
        }
    }
}

unit!(ReadConsumedLogin(login_id: uuid::Uuid) -> Option<ConsumedLogin> = |tx| tx.consumed_login(*login_id));

/// Consumes a `state` and counts its login. A login that has expired ends here, with an event for the app.
struct ConsumeState {
    open: OpenSession,
    flow: LoginState,
    expired: Option<FailSessionOnce>,
}

#[async_trait]
impl Unit for ConsumeState {
    type Done = ReturnKind;
    type Error = FinishLoginError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ReturnKind, FinishLoginError> {
        let flow = &self.flow;
        if !tx.consume_login(flow.id, flow.expires_at).await? {
            let spent = tx.consumed_login(flow.id).await?;
            let expired = || FinishLoginError::Expired(Box::new(self.open.clone()));
            return spent.map(|spent| ReturnKind::Repeated(spent.outcome)).ok_or_else(expired);
        }
        if !tx.count_login(flow.session_id, MAX_LOGINS_PER_SESSION).await? {
            let session = tx.widget_session(flow.session_id).await?;
            let is_used = session.is_none_or(|session| session.state.is_used());
            let open = Box::new(self.open.clone());
            return Err(if is_used { FinishLoginError::Used(open) } else { FinishLoginError::TooManyLogins(open) });
        }
        let Some(expired) = &self.expired else { return Ok(ReturnKind::First) };
        expired.run(tx).await?;
        tx.record_login_outcome(flow.id, &RecordedOutcome::Expired).await?;
        Ok(ReturnKind::Repeated(Some(RecordedOutcome::Expired)))
    }
}
