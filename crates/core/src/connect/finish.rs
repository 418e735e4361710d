//! A login that comes back from its provider:
//!
//! 1. `state`, cookie and issuer are checked. Nothing is stored, and a browser without the cookie gets no further.
//! 2. The `state` is spent and counted against its session, in one unit. After a crash from here on the login has no outcome;
//!    whoever comes with the same `state` is asked to try again.
//! 3. The code is exchanged at the provider, in a task of its own: it continues if the browser hangs up.
//! 4. One unit stores the connection and the outcome; or the failure, its event, the revocation that is owed and the outcome.
//! 5. If the store fails in step 4, a unit of its own records that the tokens are to be given back. If the store fails again,
//!    they are revoked at once.
//!
//! A second arrival of the same `state` waits for the outcome of the first one and gets the same page. Nothing else happens.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use subtle::ConstantTimeEq as _;
use terra_auth_types::{DevId, Provider};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{
    Arrival, Connected, MAX_LOGINS, ProviderAnswer, ReturnError,
    failure::{ConnectFailure, FailOnce, Unused},
};
use crate::{
    auth::Auth,
    bucket::{Bucket, Rate},
    causes::Causes,
    digest::sha256,
    event::cancelled_event,
    flow::{Flow, FlowOutcome, SpentFlow},
    log_limit::LogLimit,
    open_session::{FailSession, OpenSession},
    provider::{CodeExchange, Grant},
    store::{StoreError, Tx, Unit},
    widget_session::SessionState,
};

/// How many codes one environment may exchange at one provider.
const EXCHANGES: Rate = Rate { per_second: 20.0, at_once: 200.0 };
/// How long a second arrival waits for the first one. Longer than an exchange may take.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(25);
const OUTCOME_POLL: Duration = Duration::from_millis(200);
/// How many arrivals wait at once on this node.
const MAX_WAITING: usize = 64;

/// The logins that come back to this node.
pub(crate) struct Logins {
    exchanges: Mutex<HashMap<(DevId, Provider), Bucket>>,
    waiting: Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        Self { exchanges: Mutex::default(), waiting: Semaphore::new(MAX_WAITING) }
    }
}

impl Logins {
    fn may_exchange(&self, dev_id: &DevId, provider: &Provider) -> bool {
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = exchanges.entry((dev_id.clone(), provider.clone())).or_default();
        bucket.take(1, EXCHANGES, Instant::now())
    }
}

/// How far a login is.
enum Begun {
    /// It comes back for the first time; its `state` is spent now.
    Now,
    /// It came back before.
    Before(Option<FlowOutcome>),
}

impl Auth {
    /// Ends a login: exchanges the code and makes the connection, or records the failure. The same login ends once, however
    /// often it comes back.
    ///
    /// # Errors
    ///
    /// See [`ReturnError`]; no connection was made.
    pub async fn finish(&self, flow: Flow, answer: ProviderAnswer) -> Result<Arrival, ReturnError> {
        let open = self.load_session(flow.session_id, flow.session_secret).await?.ok_or(ReturnError::UnknownState)?;
        let digest = sha256(answer.cookie.as_deref().unwrap_or_default().as_bytes());
        if !bool::from(digest.ct_eq(&flow.cookie_digest)) {
            return Err(ReturnError::WrongBrowser);
        }
        if self.providers.issuer(&flow.provider).is_some_and(|issuer| answer.iss != Some(issuer)) {
            return Err(ReturnError::UnknownState);
        }
        match self.begin_finish(&open, &flow).await? {
            Begun::Now => {
                let auth = self.clone();
                let task = async move { auth.finish_once(open, flow, answer).await };
                let task = tokio::spawn(task.in_current_span());
                task.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
            }
            Begun::Before(outcome) => {
                let outcome = match outcome {
                    None => self.outcome_of(&flow).await?,
                    known => known,
                };
                self.arrive_again(open, flow.provider, outcome)
            }
        }
    }

    async fn begin_finish(&self, open: &OpenSession, flow: &Flow) -> Result<Begun, ReturnError> {
        if let Some(SpentFlow { outcome }) = self.store.read(ReadFlow(flow.id)).await? {
            return Ok(Begun::Before(outcome));
        }
        if open.session.state.is_used() {
            return Err(ReturnError::Used(Box::new(open.clone())));
        }
        if open.session.logins >= MAX_LOGINS {
            return Err(ReturnError::TooManyLogins(Box::new(open.clone())));
        }
        let expired = (self.now() >= flow.expires_at).then(|| FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, Some(flow.id), "session_expired"),
            delivery_id: self.delivery_id(),
            now: self.now(),
        });
        let begun = self
            .store
            .run(SpendFlow { open: open.clone(), flow: flow.clone(), expired: expired.map(FailOnce) })
            .await?;
        self.outbox.notify_one();
        Ok(begun)
    }

    async fn finish_once(&self, open: OpenSession, flow: Flow, answer: ProviderAnswer) -> Result<Arrival, ReturnError> {
        let exchange = |code| CodeExchange {
            code,
            code_verifier: BASE64.encode(flow.code_verifier).into(),
            redirect_uri: self.redirect_uri(&flow.provider),
            scope: answer.scope,
            reference_id: open.session.request.reference_id.clone(),
        };
        let attempt = match self.redeem(&open, &flow.provider, answer.code.map(exchange)).await {
            Ok(grant) => self.complete(&open, &flow, grant).await,
            Err(unused) => Err(unused),
        };
        let outcome = match attempt {
            Ok(connected) => Ok(connected),
            Err(unused) => self.conclude(&open, &flow, unused).await?,
        };
        self.outbox.notify_one();
        Ok(Arrival { open, provider: flow.provider, outcome })
    }

    async fn redeem(
        &self,
        open: &OpenSession,
        provider: &Provider,
        exchange: Result<CodeExchange, String>,
    ) -> Result<Grant, Unused> {
        let exchange = exchange.map_err(|code| Unused::from(ConnectFailure::from_oauth(&code)))?;
        let dev_id = &open.developer.dev_id;
        if !self.logins().may_exchange(dev_id, provider) {
            static LIMIT: LogLimit = LogLimit::new();
            if let Some(left_out) = LIMIT.admit(Instant::now()) {
                tracing::warn!(%dev_id, %provider, left_out, "too many logins come back at once; the code is not exchanged");
            }
            return Err(ConnectFailure::ProviderDown.into());
        }
        match self.exchange_at(dev_id, provider, &exchange).await {
            Ok(grant) => Unused::unless_usable(grant),
            Err(error) => {
                tracing::warn!(%provider, error = %Causes(&error), "a login could not be finished at {provider}");
                Err(error.into())
            }
        }
    }

    /// Waits for the outcome of a login that is under way here or on another node.
    async fn outcome_of(&self, flow: &Flow) -> Result<Option<FlowOutcome>, StoreError> {
        let Ok(_place) = self.logins().waiting.try_acquire() else { return Ok(None) };
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        loop {
            let spent = self.store.read(ReadFlow(flow.id)).await?;
            match spent.and_then(|spent| spent.outcome) {
                Some(outcome) => return Ok(Some(outcome)),
                None if Instant::now() >= deadline => return Ok(None),
                None => tokio::time::sleep(OUTCOME_POLL).await,
            }
        }
    }

    /// What a login that came back before is answered. Nothing is changed and nobody is told.
    pub(super) fn arrive_again(
        &self,
        open: OpenSession,
        provider: Provider,
        outcome: Option<FlowOutcome>,
    ) -> Result<Arrival, ReturnError> {
        match outcome {
            Some(FlowOutcome::Connected { user_id, declined_scopes }) => {
                let way_back = self.way_back_connected(&open.session, user_id, &provider);
                Ok(Arrival { open, provider, outcome: Ok(Connected { user_id, declined_scopes, way_back }) })
            }
            Some(FlowOutcome::Failed(_) | FlowOutcome::Used) if open.session.state.is_used() => {
                Err(ReturnError::Used(Box::new(open)))
            }
            Some(FlowOutcome::Failed(failure)) => Ok(Arrival { open, provider, outcome: Err(failure) }),
            Some(FlowOutcome::Expired) => Err(ReturnError::Expired(Box::new(open))),
            Some(FlowOutcome::Used) => Err(ReturnError::Used(Box::new(open))),
            Some(FlowOutcome::Abandoned) | None => Err(ReturnError::Unfinished(Box::new(open))),
        }
    }
}

struct ReadFlow(uuid::Uuid);

#[async_trait]
impl Unit for ReadFlow {
    type Done = Option<SpentFlow>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.spent_flow(self.0).await
    }
}

/// Spends a login and counts it. One that comes too late ends here, and the app is told.
struct SpendFlow {
    open: OpenSession,
    flow: Flow,
    expired: Option<FailOnce>,
}

#[async_trait]
impl Unit for SpendFlow {
    type Done = Begun;
    type Refusal = ReturnError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Begun, ReturnError> {
        let flow = &self.flow;
        if !tx.spend_flow(flow.id, flow.expires_at).await? {
            let spent = tx.spent_flow(flow.id).await?;
            let expired = || ReturnError::Expired(Box::new(self.open.clone()));
            return spent.map(|spent| Begun::Before(spent.outcome)).ok_or_else(expired);
        }
        if !tx.count_login(flow.session_id, MAX_LOGINS).await? {
            let session = tx.widget_session(flow.session_id).await?;
            let is_used = session.is_none_or(|session| session.state.is_used());
            let open = Box::new(self.open.clone());
            return Err(if is_used { ReturnError::Used(open) } else { ReturnError::TooManyLogins(open) });
        }
        let Some(expired) = &self.expired else { return Ok(Begun::Now) };
        expired.run(tx).await?;
        tx.end_flow(flow.id, &FlowOutcome::Expired).await?;
        Ok(Begun::Before(Some(FlowOutcome::Expired)))
    }
}
