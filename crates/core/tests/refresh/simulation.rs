//! A seeded simulation: nodes that crash, pause and have different clocks refresh one grant, at providers of
//! every kind.
//!
//! A failed run prints its seed. `TERRA_AUTH_SEED=17 cargo test -p terra-auth-core --test refresh simulation`
//! repeats it, and `TERRA_AUTH_SEEDS=100000` runs more seeds.

mod account;
mod chaos;
mod dice;

use std::{
    num::NonZero,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use terra_auth_core::{Auth, node::refresh::in_flight::Rules};
use terra_auth_model::{clock::Clock as _, connection::Connection, store::Store};
use terra_auth_testkit::StoreExt as _;
use tokio::{runtime, task::JoinSet, time::sleep};

use self::{
    account::{ACCESS_TOKEN_LIFETIME, Account, MODELS, Model},
    chaos::{FaultInjector, FaultyProvider, FaultyStore, SimulatedProcess},
};
use crate::{
    engine::BlockingStore,
    world::{Node, RuntimeClock, World, node, tokens},
};

const FAULT_PHASE: Duration = Duration::from_mins(4);
const RECOVERY_PHASE: Duration = Duration::from_mins(6);

/// The state that all nodes share.
#[derive(Clone)]
struct Run {
    trouble: Arc<FaultInjector>,
    account: Arc<Account>,
    engine: BlockingStore,
    world: Arc<World>,
    rules: Rules,
    /// Whether nodes make confirmation calls at a provider that requires them.
    confirm: bool,
    clock: RuntimeClock,
}

impl Run {
    async fn new(seed: u64, rules: Rules, confirm: bool) -> Self {
        let (engine, clock) = (BlockingStore::new(), RuntimeClock::exact());
        let end = clock.now() + SignedDuration::try_from(ACCESS_TOKEN_LIFETIME).unwrap();
        let world = Arc::new(World::with(engine.store(), &tokens("0", "0", end)).await);
        Self {
            trouble: Arc::new(FaultInjector::new(seed)),
            account: Arc::new(Account::new(model_of(seed))),
            engine,
            world,
            rules,
            confirm,
            clock,
        }
    }

    /// Runs a phase with faults, and then one without, in which everything that can recover must recover.
    async fn play(self) -> Result<Vec<(u64, Duration)>, String> {
        let nodes = 2 + u64::from(self.trouble.dice.one_in(4));
        let mut supervisors: JoinSet<()> = (0..nodes).map(|_| self.clone().supervise()).collect();
        if self.trouble.dice.one_in(6) {
            sleep(self.trouble.dice.moment(200_000)).await;
            self.account.revoke();
        } else if self.trouble.dice.one_in(3) {
            sleep(self.trouble.dice.moment(200_000)).await;
            self.log_in().await;
        }
        sleep(FAULT_PHASE).await;
        self.trouble.calm();
        sleep(RECOVERY_PHASE).await;
        supervisors.abort_all();
        while supervisors.join_next().await.is_some() {}
        let events = self.world.events().await;
        let revoked = events.get("access_revoked").copied().unwrap_or_default();
        if revoked > 1 {
            return Err(format!("the app got {revoked} access_revoked events"));
        }
        let calls = self.account.end(&self.world.stored_grant().await.unwrap())?;
        Ok(calls.into_iter().map(|(token, at)| (token, at - self.clock.began)).collect())
    }

    /// The end user connects again and keeps the user id, whatever the nodes are doing.
    async fn log_in(&self) {
        let number = self.account.log_in().to_string();
        let end = self.clock.now() + SignedDuration::try_from(ACCESS_TOKEN_LIFETIME).unwrap();
        let grant = Some(self.world.seal(&tokens(&number, &number, end)));
        let new = Connection { grant, ..self.world.connection.clone() };
        assert!(self.world.store.renew_connection(&new, &self.clock.now()).await.unwrap());
    }

    /// Starts a process again each time it crashes.
    async fn supervise(self) {
        loop {
            let life = SimulatedProcess::new(&self.trouble);
            let node = self.start(&life);
            let mut work = JoinSet::new();
            work.spawn(self.clone().ask(node.clone()));
            work.spawn(async move { node.refresh_as_due(std::future::pending()).await });
            life.over().await;
            work.shutdown().await;
            sleep(self.trouble.dice.moment(60_000)).await;
        }
    }

    /// Starts a process whose clock is wrong by up to 4 s.
    fn start(&self, life: &Arc<SimulatedProcess>) -> Auth {
        let skew = self.trouble.dice.below(8001).cast_signed() - 4000;
        let clock = RuntimeClock { ahead: SignedDuration::from_millis(skew), ..self.clock };
        let store = FaultyStore {
            engine: self.engine.clone(),
            life: Arc::clone(life),
            account: Arc::clone(&self.account),
            world: Arc::clone(&self.world),
        };
        let providers = FaultyProvider::new(Arc::clone(life), Arc::clone(&self.account), clock, self.confirm);
        let parts = Node { clock, entropy: self.trouble.dice.clone(), rules: self.rules };
        node(Store::new(store), Arc::new(providers), parts)
    }

    /// Requests an access token at random intervals.
    async fn ask(self, node: Auth) {
        loop {
            sleep(self.trouble.dice.moment(self.trouble.patience_ms())).await;
            if let Ok(token) = self.world.access_token(&node).await {
                self.account.handed_out(token.access_token.expose_secret().parse().unwrap());
            }
        }
    }
}

fn model_of(seed: u64) -> Model {
    MODELS[usize::try_from(seed).unwrap() % MODELS.len()]
}

/// Runs a seed. Returns the calls with their times, or the violated rule.
fn run(seed: u64, rules: Rules, confirm: bool) -> Result<Vec<(u64, Duration)>, String> {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { Run::new(seed, rules, confirm).await.play().await })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs all seeds of a test until one fails.
fn failure(seeds: u64, rules: Rules) -> Option<(u64, String)> {
    failure_where(seeds, rules, true)
}

fn failure_where(seeds: u64, rules: Rules, confirm: bool) -> Option<(u64, String)> {
    let range = number("TERRA_AUTH_SEED").map_or(0..number("TERRA_AUTH_SEEDS").unwrap_or(seeds), |seed| seed..seed + 1);
    let next = AtomicU64::new(range.start);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let found = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| range.contains(seed)) {
                    if let Err(what) = run(seed, rules, confirm) {
                        next.store(range.end, Ordering::Relaxed);
                        *found.lock().unwrap() = Some((seed, what));
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn no_grant_is_lost_used_twice_or_falsely_reported_as_revoked() {
    if let Some((seed, what)) = failure(2000, Rules::default()) {
        panic!("{what} (TERRA_AUTH_SEED={seed})");
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    let mut calls = 0;
    for seed in 0..10 {
        let first = run(seed, Rules::default(), true).unwrap();
        assert_eq!(first, run(seed, Rules::default(), true).unwrap(), "seed {seed}");
        calls += first.len();
    }
    assert!(calls > 50, "{calls}");
}

#[test]
fn without_the_lease_two_nodes_spend_one_token() {
    let (_, what) = failure(2000, Rules { lease: false, ..Rules::default() }).unwrap();
    assert!(what.ends_with("was sent twice at the same time"), "{what}");
}

#[test]
fn without_the_fence_old_tokens_replace_new_ones() {
    let (seed, what) = failure(2000, Rules { fencing: false, ..Rules::default() }).unwrap();
    // If the provider spends refresh tokens, the old token that was restored is rejected as soon as it is used.
    let is_refused = model_of(seed) != Model::Kept && what == "reported a revocation that did not happen";
    assert!(is_refused || what.contains("replaced the newer"), "{what}");
}

#[test]
fn without_the_marker_a_crash_looks_like_a_revocation() {
    let (_, what) = failure(2000, Rules { write_ahead: false, ..Rules::default() }).unwrap();
    assert_eq!(what, "reported a revocation that did not happen");
}

#[test]
fn without_the_confirmation_call_pairs_reach_the_providers_limit() {
    let (_, what) = failure_where(2000, Rules::default(), false).unwrap();
    assert_eq!(what, "unused pairs reached the provider's limit");
}
