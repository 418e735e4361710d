//! Injected faults: processes that crash or pause, stores that fail, and lost calls to the provider.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use terra_auth_model::{
    clock::Clock as _,
    provider::{
        ClientCredentials, ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed, Tokens,
    },
    store::{Engine, Job},
    store_error::StoreError,
};
use terra_auth_types::Provider;
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

use super::{
    account::{ACCESS_TOKEN_LIFETIME, Account, Model, access_number, refresh_number},
    dice::Dice,
};
use crate::{
    engine::BlockingStore,
    script::{Answer, catalogue},
    world::{RuntimeClock, World, tokens},
};

/// The number of faults that may still occur in a run; none in the calm phase.
pub(crate) struct FaultInjector {
    pub(crate) dice: Arc<Dice>,
    left: Mutex<Left>,
}

struct Left {
    storm: bool,
    crashes: u32,
    pauses: u32,
    calls: u32,
    writes: u32,
}

impl FaultInjector {
    pub(crate) fn new(seed: u64) -> Self {
        let left = Left { storm: true, crashes: 3, pauses: 2, calls: 3, writes: 3 };
        Self { dice: Arc::new(Dice::new(seed)), left: Mutex::new(left) }
    }

    pub(crate) fn calm(&self) {
        *self.left.lock().unwrap() = Left { storm: false, crashes: 0, pauses: 0, calls: 0, writes: 0 };
    }

    /// The longest time between two requests of a caller.
    pub(crate) fn patience_ms(&self) -> u64 {
        if self.left.lock().unwrap().storm { 30_000 } else { 120_000 }
    }

    fn strikes(&self, odds: u64, kind: fn(&mut Left) -> &mut u32) -> bool {
        let mut left = self.left.lock().unwrap();
        let left = kind(&mut left);
        let strikes = *left > 0 && self.dice.one_in(odds);
        *left -= u32::from(strikes);
        strikes
    }
}

/// A process, until it crashes.
pub(crate) struct SimulatedProcess {
    trouble: Arc<FaultInjector>,
    dead: AtomicBool,
    died: Notify,
}

impl SimulatedProcess {
    pub(crate) fn new(trouble: &Arc<FaultInjector>) -> Arc<Self> {
        Arc::new(Self { trouble: Arc::clone(trouble), dead: AtomicBool::new(false), died: Notify::new() })
    }

    /// Resolves when the process crashes.
    pub(crate) async fn over(&self) {
        self.died.notified().await;
    }

    fn is_over(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Continues, or never returns if the process has crashed.
    async fn survive(&self) {
        if !self.is_over() && self.trouble.strikes(60, |left| &mut left.crashes) {
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
        }
        if self.is_over() {
            pending::<()>().await;
        }
    }

    /// Takes some time, pauses, or crashes.
    async fn step(&self) {
        self.survive().await;
        let dice = &self.trouble.dice;
        if self.trouble.strikes(50, |left| &mut left.pauses) {
            sleep(Duration::from_secs(10) + dice.moment(80_000)).await;
            self.survive().await;
        } else if dice.one_in(3) {
            sleep(dice.moment(50)).await;
            self.survive().await;
        }
    }
}

/// The store as one process uses it.
pub(crate) struct FaultyStore {
    pub(crate) engine: BlockingStore,
    pub(crate) life: Arc<SimulatedProcess>,
    pub(crate) account: Arc<Account>,
    pub(crate) world: Arc<World>,
}

impl FaultyStore {
    fn fails(&self) -> bool {
        self.life.trouble.strikes(60, |left| &mut left.writes)
    }
}

#[async_trait]
impl Engine for FaultyStore {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.life.step().await;
        if self.fails() {
            return Err(StoreError::Busy);
        }
        self.engine.write(job).await?;
        self.account.look(&self.world.stored_grant().await.unwrap());
        self.life.step().await;
        if self.fails() { Err(StoreError::Closed) } else { Ok(()) } // the job was committed all the same
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.life.step().await;
        self.engine.read(job).await
    }
}

/// The connection between a process and the provider.
pub(crate) struct FaultyProvider {
    list: Arc<[ProviderInfo]>,
    pub(crate) policy: RefreshPolicy,
    pub(crate) life: Arc<SimulatedProcess>,
    pub(crate) account: Arc<Account>,
    clock: RuntimeClock,
}

impl FaultyProvider {
    pub(crate) fn new(life: Arc<SimulatedProcess>, account: Arc<Account>, clock: RuntimeClock, confirm: bool) -> Self {
        let policy = RefreshPolicy {
            rotation: account.model.rotation(),
            lead_time: SignedDuration::from_secs(30),
            refresh_token_lifetime: None,
            max_in_flight: 4,
            max_per_minute: None,
            confirm: confirm && account.model == Model::UntilUsed,
        };
        Self { list: catalogue(), policy, life, account, clock }
    }

    /// Sends a request. The provider processes it even if the caller has stopped waiting, within the caller's
    /// timeout.
    fn send(&self, token: u64) -> oneshot::Receiver<Result<u64, RefreshError>> {
        let (tell, answer) = oneshot::channel();
        let account = Arc::clone(&self.account);
        let dice = &self.life.trouble.dice;
        let travels = dice.moment(if dice.one_in(10) { 9000 } else { 300 });
        if self.life.trouble.strikes(40, |left| &mut left.calls) {
            let (account, travels) = (Arc::clone(&self.account), dice.moment(9000));
            tokio::spawn(async move {
                sleep(travels).await;
                account.spend_again(token);
            });
        }
        tokio::spawn(async move {
            sleep(travels).await;
            drop(tell.send(account.spend(token)));
        });
        answer
    }

    async fn call(&self, token: u64) -> Result<u64, RefreshError> {
        let trouble = &self.life.trouble;
        if trouble.strikes(12, |left| &mut left.calls) {
            return Err(RefreshError::NotReached("connection refused".into()));
        }
        if trouble.strikes(25, |left| &mut left.calls) {
            let retry_after = Some(SignedDuration::from_secs(20));
            return Err(RefreshError::Throttled { retry_after });
        }
        if trouble.strikes(20, |left| &mut left.calls) {
            return Err(RefreshError::AnswerLost("reset before it arrived".into()));
        }
        let answer = self.send(token).await.unwrap();
        if trouble.strikes(10, |left| &mut left.calls) {
            return Err(RefreshError::AnswerLost("reset after it arrived".into()));
        }
        let slow = trouble.strikes(10, |left| &mut left.calls);
        sleep(trouble.dice.moment(if slow { 15_000 } else { 300 })).await;
        answer
    }
}

#[async_trait]
impl Providers for FaultyProvider {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.list)
    }

    fn has_app(&self, _: &Provider) -> bool {
        true
    }

    fn refresh_policy(&self, _: &Provider) -> Option<RefreshPolicy> {
        Some(self.policy)
    }

    async fn confirm(&self, _: &Provider, _: Option<&ClientCredentials>, tokens: &Tokens) -> Result<(), ProviderError> {
        self.life.survive().await;
        let trouble = &self.life.trouble;
        sleep(trouble.dice.moment(300)).await;
        if trouble.strikes(20, |left| &mut left.calls) {
            return Err(ProviderError::Unreachable(None));
        }
        let accepted = self.account.confirm(access_number(tokens));
        self.life.survive().await;
        accepted.then_some(()).ok_or(ProviderError::Unreadable)
    }

    async fn refresh(&self, _: &Provider, _: Option<&ClientCredentials>, before: &Tokens) -> Answer {
        self.life.survive().await;
        let token = refresh_number(before);
        let mut call = Call { account: &self.account, life: &self.life, place: self.account.call(token), failed: true };
        let answer = self.call(token).await;
        self.life.survive().await;
        call.failed = answer.is_err();
        let number = answer?;
        let refresh = if self.account.model == Model::Kept { token } else { number };
        let end = self.clock.now() + SignedDuration::try_from(ACCESS_TOKEN_LIFETIME).unwrap();
        Ok(Refreshed { tokens: tokens(&number.to_string(), &refresh.to_string(), end), scopes: None })
    }
}

/// A call in flight. After a timeout the process knows that the call has ended; after a crash it knows nothing.
struct Call<'a> {
    account: &'a Account,
    life: &'a SimulatedProcess,
    place: usize,
    failed: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.failed && !self.life.is_over() {
            self.account.call_failed(self.place);
        }
    }
}
