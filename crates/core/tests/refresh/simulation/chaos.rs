//! What can go wrong on a node: it crashes, pauses, has a store that fails and a provider that cannot be heard.

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
use terra_auth_core::{
    clock::Clock as _,
    provider::{
        ClientCredentials, ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed, Tokens,
    },
    store::{Engine, Job, StoreError},
};
use terra_auth_types::Provider;
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

use super::{
    account::{Account, LIFE, Model, access_number, refresh_number},
    dice::Dice,
};
use crate::{
    engine::Prompt,
    script::{Answer, catalogue},
    world::{Watch, World, tokens},
};

/// How much may still go wrong in a run; nothing once it is calm.
pub(crate) struct Trouble {
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

impl Trouble {
    pub(crate) fn new(seed: u64) -> Self {
        let left = Left { storm: true, crashes: 3, pauses: 2, calls: 3, writes: 3 };
        Self { dice: Arc::new(Dice::new(seed)), left: Mutex::new(left) }
    }

    pub(crate) fn calm(&self) {
        *self.left.lock().unwrap() = Left { storm: false, crashes: 0, pauses: 0, calls: 0, writes: 0 };
    }

    /// How long somebody waits before the next question, at most.
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
pub(crate) struct Life {
    trouble: Arc<Trouble>,
    dead: AtomicBool,
    died: Notify,
}

impl Life {
    pub(crate) fn new(trouble: &Arc<Trouble>) -> Arc<Self> {
        Arc::new(Self { trouble: Arc::clone(trouble), dead: AtomicBool::new(false), died: Notify::new() })
    }

    /// Resolves when it crashes.
    pub(crate) async fn over(&self) {
        self.died.notified().await;
    }

    fn is_over(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Goes on, or never.
    async fn survive(&self) {
        if !self.is_over() && self.trouble.strikes(60, |left| &mut left.crashes) {
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
        }
        if self.is_over() {
            pending::<()>().await;
        }
    }

    /// Takes some time, or crashes.
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

/// The store as a process sees it.
pub(crate) struct ShakyStore {
    pub(crate) engine: Prompt,
    pub(crate) life: Arc<Life>,
    pub(crate) account: Arc<Account>,
    pub(crate) world: Arc<World>,
}

impl ShakyStore {
    fn fails(&self) -> bool {
        self.life.trouble.strikes(60, |left| &mut left.writes)
    }
}

#[async_trait]
impl Engine for ShakyStore {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.life.step().await;
        if self.fails() {
            return Err(StoreError::Busy);
        }
        self.engine.write(job).await?;
        self.account.look(&self.world.kept().await.unwrap());
        self.life.step().await;
        if self.fails() { Err(StoreError::Closed) } else { Ok(()) } // it was done all the same
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.life.step().await;
        self.engine.read(job).await
    }
}

/// The way from a process to the provider and back.
pub(crate) struct Line {
    list: Arc<[ProviderInfo]>,
    pub(crate) policy: RefreshPolicy,
    pub(crate) life: Arc<Life>,
    pub(crate) account: Arc<Account>,
    clock: Watch,
}

impl Line {
    pub(crate) fn new(life: Arc<Life>, account: Arc<Account>, clock: Watch, confirm: bool) -> Self {
        let policy = RefreshPolicy {
            rotation: account.model.rotation(),
            ahead: SignedDuration::from_secs(30),
            token_life: None,
            at_once: 4,
            per_minute: None,
            confirm: confirm && account.model == Model::UntilUsed,
        };
        Self { list: catalogue(), policy, life, account, clock }
    }

    /// The provider does its work whether or not anybody still waits for it, within the time that a caller has.
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
            return Err(RefreshError::Untouched("connection refused".into()));
        }
        if trouble.strikes(25, |left| &mut left.calls) {
            let retry_after = Some(SignedDuration::from_secs(20));
            return Err(RefreshError::Throttled { retry_after });
        }
        if trouble.strikes(20, |left| &mut left.calls) {
            return Err(RefreshError::Lost("reset before it arrived".into()));
        }
        let answer = self.send(token).await.unwrap();
        if trouble.strikes(10, |left| &mut left.calls) {
            return Err(RefreshError::Lost("reset after it arrived".into()));
        }
        let slow = trouble.strikes(10, |left| &mut left.calls);
        sleep(trouble.dice.moment(if slow { 15_000 } else { 300 })).await;
        answer
    }
}

#[async_trait]
impl Providers for Line {
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
        let end = self.clock.now() + SignedDuration::try_from(LIFE).unwrap();
        Ok(Refreshed { tokens: tokens(&number.to_string(), &refresh.to_string(), end), scopes: None })
    }
}

/// A call that is under way. Whoever waited too long knows that it is over; whoever crashed knows nothing.
struct Call<'a> {
    account: &'a Account,
    life: &'a Life,
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
