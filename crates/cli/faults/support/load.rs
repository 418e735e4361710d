//! Clients that send requests until they are stopped, whatever happens to the servers, and record
//! the results.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use terra_auth::UserId;
use tokio::{task::JoinHandle, time::sleep};

use super::api::{Api, CallError};

/// The number of connections that a worker does not remove.
const CONNECTIONS_PER_WORKER: usize = 2;

/// A worker signs in at the practice provider once in this many turns.
const TURNS_PER_LOGIN: u64 = 5;

const REFUSAL_PAUSE: Duration = Duration::from_millis(25);

/// The results of the clients' requests.
#[derive(Default)]
pub(crate) struct LoadResult {
    /// The time of each acknowledged connection.
    pub(crate) connected: BTreeMap<UserId, Instant>,
    pub(crate) removed: BTreeMap<UserId, Instant>,
    /// Users whose removal was requested but not acknowledged.
    pub(crate) maybe_removed: BTreeSet<UserId>,
    /// The number of connections from logins through the widget.
    pub(crate) logins: usize,
    /// Token and device of each redemption that was acknowledged.
    pub(crate) spent: Vec<(String, String)>,
    pub(crate) calls: Vec<Call>,
}

/// One call of a client.
pub(crate) struct Call {
    /// The index of the target.
    pub(crate) target: usize,
    pub(crate) writes: bool,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) refusal: Option<CallError>,
}

impl Call {
    pub(crate) fn took(&self) -> Duration {
        self.ended - self.began
    }
}

impl LoadResult {
    pub(crate) fn add(&mut self, other: Self) {
        self.connected.extend(other.connected);
        self.removed.extend(other.removed);
        self.maybe_removed.extend(other.maybe_removed);
        self.logins += other.logins;
        self.spent.extend(other.spent);
        self.calls.extend(other.calls);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.connected.len() + self.removed.len()
    }

    /// The number of each kind of refusal, as text.
    pub(crate) fn refusals(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for refusal in self.calls.iter().filter_map(|call| call.refusal.as_ref()) {
            *counts.entry(refusal.to_string()).or_default() += 1;
        }
        let words: Vec<_> = counts.into_iter().map(|(refusal, count)| format!("{count} × {refusal}")).collect();
        if words.is_empty() { "none refused".to_owned() } else { words.join(", ") }
    }

    /// The time from `since` to the first write that was acknowledged after it.
    pub(crate) fn first_write_after(&self, since: Instant) -> Option<Duration> {
        let writes = self.calls.iter().filter(|call| call.writes && call.refusal.is_none() && call.ended > since);
        writes.map(|call| call.ended - since).min()
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.calls.iter().map(Call::took).max().unwrap_or_default()
    }
}

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<LoadResult>>,
}

impl Load {
    /// Starts clients, which are distributed over the targets. `name` is the prefix of their devices' names.
    pub(crate) fn start(name: &str, targets: &[Api], workers: usize, logins: bool) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let worker = |number: usize| {
            let target = number % targets.len();
            let worker = Worker {
                api: targets[target].clone(),
                target,
                name: format!("{name}w{number}"),
                logins,
                stop: Arc::clone(&stop),
                acknowledged: Arc::clone(&acknowledged),
                told: LoadResult::default(),
            };
            tokio::spawn(worker.work())
        };
        Self { workers: (0..workers).map(worker).collect(), stop, acknowledged }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until `count` more calls were acknowledged.
    pub(crate) async fn wait_for_calls(&self, count: usize) -> anyhow::Result<()> {
        let wanted = self.acknowledged() + count;
        super::until("the clients work", super::TIMEOUT, async || (self.acknowledged() >= wanted).then_some(())).await
    }

    /// Stops the clients after their current calls; returns the results.
    pub(crate) async fn end(self) -> LoadResult {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = LoadResult::default();
        for told in join_all(self.workers).await {
            all.add(told.unwrap());
        }
        all
    }
}

struct Worker {
    api: Api,
    target: usize,
    name: String,
    logins: bool,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    told: LoadResult,
}

impl Worker {
    async fn work(mut self) -> LoadResult {
        let mut mine = Vec::new();
        for turn in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let device = format!("{}t{turn}", self.name);
            mine.extend(self.redeem(device.clone()).await);
            if self.logins && turn % TURNS_PER_LOGIN == 0 {
                mine.extend(self.login(device).await);
            }
            while mine.len() > CONNECTIONS_PER_WORKER {
                self.remove(mine.remove(0)).await;
            }
        }
        self.told
    }

    async fn redeem(&mut self, device: String) -> Option<UserId> {
        let api = self.api.clone();
        let token = self.timed(false, api.mint()).await?;
        let user = self.timed(true, api.redeem(&token, &device)).await?;
        self.told.spent.push((token, device));
        self.connected(user)
    }

    async fn login(&mut self, account: String) -> Option<UserId> {
        let api = self.api.clone();
        let user = self.timed(true, api.login("FITBIT", &account)).await?;
        self.told.logins += 1;
        self.connected(user)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of both kinds of connecting")]
    fn connected(&mut self, user: UserId) -> Option<UserId> {
        self.told.connected.insert(user, Instant::now());
        Some(user)
    }

    async fn remove(&mut self, user: UserId) {
        let api = self.api.clone();
        if self.timed(true, api.remove(user)).await.is_some() {
            self.told.removed.insert(user, Instant::now());
        } else {
            self.told.maybe_removed.insert(user);
        }
    }

    async fn timed<T>(&mut self, writes: bool, call: impl Future<Output = Result<T, CallError>>) -> Option<T> {
        let began = Instant::now();
        let (answer, refusal) = match call.await {
            Ok(answer) => (Some(answer), None),
            Err(refusal) => (None, Some(refusal)),
        };
        self.told.calls.push(Call { target: self.target, writes, began, ended: Instant::now(), refusal });
        if answer.is_some() {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        } else {
            sleep(REFUSAL_PAUSE).await;
        }
        answer
    }
}
