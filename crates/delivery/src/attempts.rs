//! A rolling set of attempts: when one ends, the next one starts.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_core::outbox::QueueCapacity;
use terra_auth_model::{causes::Causes, clock::Clock, store_error::StoreError};
use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
    time::sleep,
};

use crate::queue_shares::{Pace, QueueLimits, Shares};

/// The maximum sleep, because another node can add work without notifying this one.
const MAX_SLEEP: Duration = Duration::from_secs(30);
const MIN_SLEEP: Duration = Duration::from_millis(100);
/// The delay after a failure of the store. It doubles each time, between these limits.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Work that becomes due in queues.
#[async_trait]
pub(crate) trait Work: Send + Sync + 'static {
    /// The key of a queue. Work waits only for work of the same queue.
    type Queue: Clone + Eq + Hash + Send + Sync + 'static;
    type Item: Send + 'static;

    /// The name in the log.
    const NAME: &'static str;
    const LIMITS: QueueLimits;

    /// Claims due work, within the free capacity.
    async fn claim(&self, room: QueueCapacity<Self::Queue>) -> Result<Claimed<Self>, StoreError>;

    /// Makes one attempt and records its result.
    async fn attempt(&self, item: Self::Item) -> Pace;
}

/// The claimed work, and when more work is due.
pub(crate) struct Claimed<W: Work + ?Sized> {
    pub(crate) items: Vec<(W::Queue, W::Item)>,
    pub(crate) next_at: Option<Timestamp>,
}

/// The running attempts of one kind. Dropping it cancels them; their leases expire.
pub(crate) struct Attempts<W: Work> {
    work: Arc<W>,
    shares: Shares<W::Queue>,
    under_way: JoinSet<Pace>,
    queues: HashMap<Id, W::Queue>,
}

impl<W: Work> Attempts<W> {
    pub(crate) fn new(work: Arc<W>) -> Self {
        Self { work, shares: Shares::new(W::LIMITS), under_way: JoinSet::new(), queues: HashMap::new() }
    }

    /// Attempts due work until `shutdown`. Running attempts are then finished.
    pub(crate) async fn run(mut self, clock: &dyn Clock, arrived: &Notify, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut backoff = MIN_BACKOFF;
        loop {
            let refilled = self.start_attempts().await;
            let failed = refilled.is_err();
            let pause = match refilled {
                Ok((0, next_at)) => pause_until(next_at, clock),
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(error = %Causes(&error), "could not claim {}; retrying in {backoff:?}", W::NAME);
                    backoff
                }
            };
            backoff = if failed { (backoff * 2).min(MAX_BACKOFF) } else { MIN_BACKOFF };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                true = self.any_ended(), if !failed => {}
                () = arrived.notified(), if !failed => {}
                () = sleep(pause) => {}
            }
        }
        while self.any_ended().await {}
    }

    /// Attempts all work that is due now. Returns its amount.
    pub(crate) async fn run_once(mut self) -> Result<usize, StoreError> {
        let mut handled = 0;
        loop {
            let (claimed, _) = self.start_attempts().await?;
            handled += claimed;
            if !self.any_ended().await && claimed == 0 {
                return Ok(handled);
            }
        }
    }

    /// Starts due work, within the free capacity. Returns the claimed amount, and when more work is due.
    async fn start_attempts(&mut self) -> Result<(usize, Option<Timestamp>), StoreError> {
        let room = self.shares.free_slots();
        if room.total == 0 {
            return Ok((0, None));
        }
        let Claimed { items, next_at } = self.work.claim(room).await?;
        let claimed = items.len();
        for (queue, item) in items {
            let work = Arc::clone(&self.work);
            let task = self.under_way.spawn(async move { work.attempt(item).await });
            self.queues.insert(task.id(), queue.clone());
            self.shares.begin(queue);
        }
        Ok((claimed, next_at))
    }

    /// Waits until an attempt ends, and handles all ended attempts. Returns `false` if none is running.
    async fn any_ended(&mut self) -> bool {
        let Some(first) = self.under_way.join_next_with_id().await else { return false };
        self.ended(first);
        while let Some(next) = self.under_way.try_join_next_with_id() {
            self.ended(next);
        }
        true
    }

    /// Handles an ended attempt. A panic counts as slow, because its lease must expire.
    fn ended(&mut self, outcome: Result<(Id, Pace), JoinError>) {
        let (id, pace) = outcome.unwrap_or_else(|error| (error.id(), Pace::Slow));
        if let Some(queue) = self.queues.remove(&id) {
            self.shares.end(&queue, pace);
        }
    }
}

fn pause_until(next_at: Option<Timestamp>, clock: &dyn Clock) -> Duration {
    let Some(next_at) = next_at else { return MAX_SLEEP };
    let wait = Duration::try_from(next_at.duration_since(clock.now())).unwrap_or_default();
    wait.clamp(MIN_SLEEP, MAX_SLEEP)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{HashMap, VecDeque},
        sync::{Arc, Mutex, PoisonError},
        time::Duration,
    };

    use async_trait::async_trait;
    use terra_auth_core::outbox::QueueCapacity;
    use terra_auth_model::store_error::StoreError;
    use terra_auth_testkit::FixedClock;
    use tokio::{
        sync::{Notify, oneshot},
        time::{Instant, sleep},
    };

    use super::{Attempts, Claimed, Work};
    use crate::queue_shares::{Pace, QueueLimits};

    /// Two receivers, one of which never responds. A failed event is due again at once.
    #[derive(Default)]
    struct Script {
        due: Mutex<HashMap<&'static str, VecDeque<Instant>>>,
        /// How long each event of the healthy receiver waited for its first attempt.
        waits: Mutex<Vec<Duration>>,
    }

    impl Script {
        fn add(&self, queue: &'static str, since: Instant) {
            self.due.lock().unwrap_or_else(PoisonError::into_inner).entry(queue).or_default().push_back(since);
        }
    }

    #[async_trait]
    impl Work for Script {
        type Queue = &'static str;
        type Item = (&'static str, Instant);

        const NAME: &'static str = "events of a script";
        const LIMITS: QueueLimits = QueueLimits { total: 16, start: 8, most: 12 };

        async fn claim(&self, mut room: QueueCapacity<&'static str>) -> Result<Claimed<Self>, StoreError> {
            let mut items = Vec::new();
            for (queue, due) in &mut *self.due.lock().unwrap_or_else(PoisonError::into_inner) {
                let places = room.of.get(queue).copied().unwrap_or(room.each).min(room.total);
                let claimed = due.len().min(places as usize);
                items.extend(due.drain(..claimed).map(|since| (*queue, (*queue, since))));
                room.total -= u32::try_from(claimed).unwrap_or_default();
            }
            Ok(Claimed { items, next_at: None })
        }

        async fn attempt(&self, (queue, since): Self::Item) -> Pace {
            if queue == "hanging" {
                sleep(Duration::from_secs(8)).await;
                self.add(queue, Instant::now());
                return Pace::Slow;
            }
            self.waits.lock().unwrap_or_else(PoisonError::into_inner).push(since.elapsed());
            sleep(Duration::from_millis(5)).await;
            Pace::Quick
        }
    }

    /// Ten events per second for each receiver, for one hour.
    #[tokio::test(start_paused = true)]
    async fn a_slow_receiver_delays_other_events_by_less_than_a_second() {
        const EVENTS: usize = 36_000;
        let (script, arrived) = (Arc::new(Script::default()), Arc::new(Notify::new()));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = {
            let (attempts, arrived) = (Attempts::new(Arc::clone(&script)), Arc::clone(&arrived));
            tokio::spawn(async move {
                let clock = FixedClock::default();
                attempts.run(&clock, &arrived, async { drop(stopped.await) }).await;
            })
        };
        for _ in 0..EVENTS {
            script.add("hanging", Instant::now());
            script.add("healthy", Instant::now());
            arrived.notify_one();
            sleep(Duration::from_millis(100)).await;
        }
        drop(stop);
        assert!(running.await.is_ok());
        let waits = script.waits.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(waits.len(), EVENTS);
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(1)), "{:?}", waits.iter().max());
    }
}
