//! PostgreSQL: a pool of connections, and one task per job.
//!
//! A job that changes something runs in these steps:
//! 1. It gets a connection. Nothing is durable. Without a connection, the job fails as unreachable or busy.
//! 2. It runs its statements in a transaction. Nothing is durable. After a lost connection, a server that became read-only,
//!    or a serialization conflict, the job runs again, if necessary at another server.
//! 3. It sends COMMIT. From here on, the changes may be durable. A lost connection leaves an unknown outcome, and the job
//!    does not run again.
//! 4. The server responds. The changes are durable.
//!
//! All steps together have a time limit, after which the connection is closed.

mod address;
mod failure;
mod job;
mod servers;
mod transaction;
mod transient;

use std::time::Duration;

use async_trait::async_trait;
use deadpool::{
    Runtime,
    managed::{Object, Pool},
};
use secrecy::SecretString;
use terra_auth_model::{
    store::{Engine, Job},
    store_error::StoreError,
};

use self::{address::Address, servers::Servers};
pub(crate) use self::{transaction::Transaction, transient::is_transient};
use crate::{
    engine::{Access, LOCK_TIMEOUT, StatementBug},
    migrate::{self, MigrateError, Migrated as _},
    value::failed,
};

/// A store in a PostgreSQL database. Any number of processes can use it.
pub struct Postgres {
    pool: Pool<Servers>,
}

/// Why a database could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The address is not a `postgres://` URL. It is not shown, because it may contain a password.
    #[error("the URL of the PostgreSQL server cannot be read; percent-encode special characters in the password")]
    Address,
    /// An option of the URL is invalid or unsupported.
    #[error("the option {name} of the PostgreSQL server's address {problem}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its problem.
        problem: &'static str,
    },
    /// The certificate must be verified, but the machine trusts no certificate authority.
    #[error("found no trusted certificates to verify the PostgreSQL server; install ca-certificates")]
    Certificates,
    /// The server cannot be reached, or rejects the login.
    #[error("could not connect to PostgreSQL")]
    Connect(#[source] StoreError),
    /// The pooler does not support transactions.
    #[error("the pooler in front of PostgreSQL pools statements; set pool_mode to transaction or session")]
    StatementPooling,
    /// The schema cannot be migrated.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Bounds a job that only reads.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Bounds a job that writes. It is longer than the server's statement timeout, which gives a clearer error.
const WRITE_TIMEOUT: Duration = Duration::from_secs(35);
/// Bounds a step of the pool that does not contact a server.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(1);

impl Postgres {
    /// Connects to `postgres://user:password@host:port/database?…` and migrates its schema.
    ///
    /// Uses TLS for every server on another machine, unless `sslmode=disable`; the machine must trust the certificate.
    /// `sslmode=require` requires TLS for every server. Of several hosts, it uses one that accepts writes. `pool=` limits the
    /// connections. `statement_cache=off` is for a transaction pooler, which is otherwise detected.
    ///
    /// # Errors
    ///
    /// See [`PostgresError`].
    pub async fn connect(url: &SecretString) -> Result<Self, PostgresError> {
        let address = Address::read(url)?;
        let servers = Servers::new(&address)?;
        if address.statement_cache.is_none() {
            let detected = servers.detect_pooler().await;
            detected.map_err(|error| PostgresError::Connect(failure::of_connect(error)))?;
        }
        let postgres = Self { pool: pool(servers, address.pool_size)? };
        postgres.migrate().await?;
        Ok(postgres)
    }

    async fn migrate(&self) -> Result<(), PostgresError> {
        let session = self.client().await.map_err(PostgresError::Connect)?;
        let store = |error| MigrateError::from(failure::of_statement(error));
        session.batch_execute("BEGIN").await.map_err(unpooled)?;
        let mut transaction = Transaction::new(&session, self.servers().have_sessions(), Access::Write);
        // The lock prevents concurrent migrations; it ends with the transaction.
        let lock = "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(8389772277106)";
        let outcome = match transaction.script(lock).await {
            Ok(()) => migrate::migrate(&mut transaction).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            drop(Object::take(session)); // closes the connection, which rolls back the transaction
            return Err(error.into());
        }
        session.batch_execute("COMMIT").await.map_err(store)?;
        Ok(())
    }

    fn servers(&self) -> &Servers {
        self.pool.manager()
    }

    pub(crate) async fn client(&self) -> Result<Object<Servers>, StoreError> {
        self.pool.get().await.map_err(failure::of_pool)
    }

    /// Runs a job in a task, so that a cancelled call does not interrupt its transaction.
    async fn run(&self, job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
        let task = tokio::spawn(job::run(self.pool.clone(), job, access));
        task.await.unwrap_or_else(|error| {
            Err(if error.is_panic() { failed(StatementBug::Panicked) } else { StoreError::Closed })
        })
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

/// Why the first transaction did not start.
fn unpooled(error: tokio_postgres::Error) -> PostgresError {
    let pools = error.as_db_error().is_some_and(|error| error.message().contains("statement pooling"));
    if pools { PostgresError::StatementPooling } else { PostgresError::Connect(failure::of_statement(error)) }
}

fn pool(servers: Servers, size: usize) -> Result<Pool<Servers>, PostgresError> {
    let create = servers.connect_timeout();
    Pool::builder(servers)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(LOCK_TIMEOUT))
        .create_timeout(Some(create))
        .recycle_timeout(Some(RECYCLE_TIMEOUT))
        .build()
        .map_err(|error| PostgresError::Connect(failed(error)))
}
