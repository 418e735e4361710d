//! PostgreSQL: a pool of connections, and a task of its own for each job.

mod address;
mod transaction;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use async_trait::async_trait;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use secrecy::SecretString;
use terra_auth_core::store::{Engine, Job, StoreError};
use tokio_postgres::{Config, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(crate) use self::transaction::Transaction;
use self::transaction::clashes;
use crate::{
    engine::{Access, Bug, Queries, WAIT, failed},
    migrate::{self, MigrateError, Migrated as _},
};

/// A store in a PostgreSQL database, which any number of processes may use.
pub struct Postgres {
    pool: Pool,
}

/// Why a database could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The address is no `postgres://` URL. It is not shown, as it may hold a password.
    #[error("the address of the PostgreSQL server cannot be read; percent-encode what is special in a password")]
    Address,
    /// The server is to be checked, but the machine trusts nobody.
    #[error("found no certificates to check the PostgreSQL server with; install ca-certificates")]
    Certificates,
    /// The server cannot be reached, or does not let us in.
    #[error("could not connect to PostgreSQL")]
    Connect(#[source] StoreError),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Connections of one process, at most.
const POOL_SIZE: usize = 16;
/// Runs of a job that loses against others, at most.
const RUNS: u32 = 8;
/// How long a job that lost waits before its second run; longer before the next ones.
const PAUSE: Duration = Duration::from_millis(10);
/// Bounds each statement, and each pause in a transaction.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'";

impl Postgres {
    /// Connects to `postgres://user:password@host:port/database?…` and brings its schema up to date.
    ///
    /// TLS is used for every server that is not on this machine, unless `sslmode=disable`; its certificate must be
    /// one that the machine trusts. `sslmode=require` asks for it everywhere.
    ///
    /// # Errors
    ///
    /// See [`PostgresError`].
    pub async fn connect(url: &SecretString) -> Result<Self, PostgresError> {
        let config = address::read(url)?;
        let postgres = Self { pool: pool(config)? };
        postgres.migrate().await?;
        Ok(postgres)
    }

    async fn migrate(&self) -> Result<(), PostgresError> {
        let mut client = self.client().await.map_err(PostgresError::Connect)?;
        let store = |error| MigrateError::from(failed(error));
        let mut transaction = Transaction::new(client.transaction().await.map_err(store)?);
        // The lock keeps others from migrating at the same time; it ends with the transaction.
        let lock = "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(8389772277106)";
        transaction.script(lock).await.map_err(MigrateError::from)?;
        migrate::migrate(&mut transaction).await?;
        transaction.inner.commit().await.map_err(store)?;
        Ok(())
    }

    pub(crate) async fn client(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(_) => StoreError::Busy,
            PoolError::Closed => StoreError::Closed,
            other => failed(other),
        })
    }

    /// Runs a job in a task, so that a caller who hangs up does not cut its transaction.
    async fn run(&self, job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
        let client = self.client().await?;
        let task = tokio::spawn(run(client, job, access));
        task.await
            .unwrap_or_else(|error| Err(if error.is_panic() { failed(Bug::Panicked) } else { StoreError::Closed }))
    }
}

#[async_trait]
impl Engine for Postgres {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.run(job, Access::Write).await
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.run(job, Access::Read).await
    }
}

/// How a job's run ended, and whether another run may end better.
struct Run {
    outcome: Result<(), StoreError>,
    clashed: bool,
}

async fn run(mut client: Object, mut job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
    let mut runs = 1;
    loop {
        let run = run_once(&mut client, job.as_mut(), access).await;
        if !run.clashed || runs == RUNS {
            return run.outcome;
        }
        tokio::time::sleep(jittered(PAUSE * 2_u32.pow(runs - 1))).await;
        runs += 1;
    }
}

/// Half to one and a half times as long: two that clashed do not meet again at the same instant.
fn jittered(pause: Duration) -> Duration {
    let draw = RandomState::new().build_hasher().finish() % 1000; // no secret hangs on it
    pause / 2 + pause * u32::try_from(draw).unwrap_or_default() / 1000
}

async fn run_once(client: &mut Object, job: &mut dyn Job, access: Access) -> Run {
    let builder = match access {
        Access::Write => client.build_transaction().isolation_level(IsolationLevel::ReadCommitted),
        Access::Read => client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true),
    };
    let transaction = match builder.start().await {
        Ok(transaction) => transaction,
        Err(error) => return Run { outcome: Err(failed(error)), clashed: false },
    };
    let mut queries = Queries::new(Transaction::new(transaction));
    let keep = job.run(&mut queries).await;
    let verdict = queries.verdict(keep);
    end(queries.database, verdict).await
}

async fn end(transaction: Transaction<'_>, verdict: Result<bool, StoreError>) -> Run {
    if matches!(verdict, Ok(true)) {
        let committed = transaction.inner.commit().await;
        let clashed = committed.as_ref().is_err_and(clashes);
        return Run { outcome: committed.map_err(failed), clashed };
    }
    drop(transaction.inner.rollback().await); // a connection that is lost has rolled back too
    Run { outcome: verdict.map(drop), clashed: transaction.clashed }
}

fn pool(config: Config) -> Result<Pool, PostgresError> {
    let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager(config)?)
        .max_size(POOL_SIZE)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT))
        .recycle_timeout(Some(WAIT))
        .post_create(settings)
        .build()
        .map_err(|error| PostgresError::Connect(failed(error)))
}

fn manager(config: Config) -> Result<Manager, PostgresError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    if !address::wants_tls(&config) {
        return Ok(Manager::from_config(config, NoTls, recycling));
    }
    let (tls, _unreadable) = MakeRustlsConnect::with_native_certs().map_err(|_| PostgresError::Certificates)?;
    Ok(Manager::from_config(config, tls, recycling))
}
