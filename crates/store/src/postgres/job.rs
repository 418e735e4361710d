//! Runs one job: retries, time limit, and the state of its connection afterwards.

use std::{
    future::Future,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use deadpool::managed::{Object, Pool};
use terra_auth_model::{store::Job, store_error::StoreError};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{
    READ_TIMEOUT, Transaction, WRITE_TIMEOUT,
    failure::{self, Remedy},
    servers::{LOCAL_SETTINGS, Origin, Servers},
};
use crate::engine::{Access, Queries};

/// The maximum number of runs of a job that conflicts with others.
const MAX_ATTEMPTS: u32 = 16;
/// The maximum number of runs of a job whose connections are lost.
const LOST_RUNS: u32 = 4;
/// The delay before the second run of a job after a conflict. It doubles with each further run, up to [`MAX_BACKOFF_DOUBLINGS`].
const FIRST_BACKOFF: Duration = Duration::from_millis(10);
/// The longest pause is 640 ms.
const MAX_BACKOFF_DOUBLINGS: u32 = 6;

/// The result of a run, and its remedy.
struct Run {
    outcome: Result<(), StoreError>,
    remedy: Option<Remedy>,
}

/// Runs a job within its time limit, and repeats it as its errors allow.
pub(super) async fn run(pool: Pool<Servers>, mut job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
    let bound = if access == Access::Read { READ_TIMEOUT } else { WRITE_TIMEOUT };
    let deadline = Instant::now() + bound;
    let (mut clashes, mut losses) = (0, 0);
    loop {
        let connected = timeout_at(deadline, pool.get()).await;
        let session = connected.map_err(|_| StoreError::TimedOut)?.map_err(failure::of_pool)?;
        let run = Lease::new(session, &pool).run(job.as_mut(), access, deadline).await;
        match run.remedy {
            Some(Remedy::Again) if clashes + 1 < MAX_ATTEMPTS => {
                clashes += 1;
                sleep(jittered(FIRST_BACKOFF * 2_u32.pow((clashes - 1).min(MAX_BACKOFF_DOUBLINGS)))).await;
            }
            Some(Remedy::Elsewhere | Remedy::Unprepared) if losses + 1 < LOST_RUNS => losses += 1,
            _ => return run.outcome,
        }
    }
}

/// Half to one and a half times the delay, so that two jobs do not conflict again.
fn jittered(pause: Duration) -> Duration {
    let draw = RandomState::new().build_hasher().finish() % 1000; // not security-relevant
    pause / 2 + pause * u32::try_from(draw).unwrap_or_default() / 1000
}

/// A connection that returns to the pool only if no transaction is open on it.
struct Lease<'p> {
    session: Option<Object<Servers>>,
    servers: &'p Servers,
    origin: Origin,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            drop(Object::take(session)); // closes it
        }
    }
}

impl<'p> Lease<'p> {
    fn new(session: Object<Servers>, pool: &'p Pool<Servers>) -> Self {
        let origin = session.origin;
        Self { session: Some(session), servers: pool.manager(), origin }
    }

    async fn run(mut self, job: &mut dyn Job, access: Access, deadline: Instant) -> Run {
        let Some(session) = self.session.as_ref() else {
            return Run { outcome: Err(StoreError::Closed), remedy: None };
        };
        let (servers, origin) = (self.servers, self.origin);
        let work = within(servers, origin, deadline, work(session, servers, job, access));
        let Worked { verdict, mut remedy } = match work.await {
            Ok(worked) => worked,
            Err(cut) => return self.lost(cut),
        };
        let keep = matches!(verdict, Ok(true));
        let text = if keep { "COMMIT" } else { "ROLLBACK" };
        let outcome = match within(servers, origin, deadline, session.batch_execute(text)).await {
            Ok(Err(error)) if keep => {
                remedy = failure::remedy(&error);
                Err(if access == Access::Write { failure::of_commit(error) } else { failure::of_statement(error) })
            }
            Err(cut) if keep && access == Access::Write => Err(StoreError::UnknownOutcome(Box::new(cut))),
            Ok(Ok(())) => {
                if remedy.is_none_or(|remedy| remedy == Remedy::Again) {
                    drop(self.session.take()); // back to the pool
                }
                verdict.map(drop)
            }
            // A lost connection has rolled back too, and a job that only reads has its result.
            Ok(Err(_)) | Err(_) => verdict.map(drop),
        };
        self.settle(Run { outcome, remedy })
    }

    /// Evaluates a run: for the pool, and for the next run.
    fn settle(&self, run: Run) -> Run {
        match run.remedy {
            Some(Remedy::Elsewhere) => self.servers.discard(self.origin),
            Some(Remedy::Unprepared) => self.servers.found_pooler(),
            Some(Remedy::Again) | None => {}
        }
        // A change that may be durable must not be repeated.
        let remedy = run.remedy.filter(|_| !matches!(run.outcome, Err(StoreError::UnknownOutcome(_))));
        Run { remedy, ..run }
    }

    /// The transaction ended before COMMIT, so nothing is durable.
    fn lost(&self, cut: Interrupted) -> Run {
        self.servers.discard(self.origin);
        match cut {
            Interrupted::Late => Run { outcome: Err(StoreError::TimedOut), remedy: None },
            Interrupted::Gone => {
                Run { outcome: Err(StoreError::Unreachable(Box::new(cut))), remedy: Some(Remedy::Elsewhere) }
            }
        }
    }
}

/// Why waiting for the server ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Interrupted {
    #[error("the database did not respond in time")]
    Late,
    #[error("the database server no longer responds")]
    Gone,
}

/// Waits for the server until the deadline, or until the server is lost.
async fn within<T>(
    servers: &Servers,
    origin: Origin,
    deadline: Instant,
    wait: impl Future<Output = T> + Send,
) -> Result<T, Interrupted> {
    tokio::select! {
        done = wait => Ok(done),
        () = sleep_until(deadline) => Err(Interrupted::Late),
        () = servers.gone(origin) => Err(Interrupted::Gone),
    }
}

struct Worked {
    verdict: Result<bool, StoreError>,
    remedy: Option<Remedy>,
}

/// Opens a transaction and runs the job in it.
async fn work(session: &Object<Servers>, servers: &Servers, job: &mut dyn Job, access: Access) -> Worked {
    let has_session = servers.have_sessions();
    let begin = match access {
        Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
        Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    let settings = if has_session { "" } else { LOCAL_SETTINGS };
    if let Err(error) = session.batch_execute(&[begin, settings].concat()).await {
        let remedy = failure::remedy(&error);
        return Worked { verdict: Err(failure::of_statement(error)), remedy };
    }
    let mut queries = Queries::new(Transaction::new(session, has_session, access));
    let keep = job.run(&mut queries).await;
    let verdict = queries.verdict(keep);
    Worked { verdict, remedy: queries.database.remedy }
}
