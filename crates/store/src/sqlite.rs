//! SQLite: one thread writes and commits for all waiting units, and a few threads read.

mod backup;
mod connection;
mod failure;
mod files;
mod health;
mod log;
mod queue;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use rusqlite::Connection;
use terra_auth_model::{
    store::{Engine, Job},
    store_error::StoreError,
};

pub use self::{
    backup::{backup, replace, verify},
    files::{FileError, StoreFile},
};
use self::{
    files::{Files, Locks, Share},
    health::Health,
    queue::Queue,
};
use crate::{engine::Access, migrate::MigrateError};

#[cfg(test)]
pub(crate) use self::connection::{Transaction, open_in_memory};

/// A store in one file, or in memory.
///
/// Dropping it finishes the accepted jobs, writes all data into the file and closes it.
pub struct Sqlite {
    queues: Option<Queues>,
    threads: Vec<JoinHandle<()>>,
    exclusive: bool,
    health: Arc<Health>,
    _locks: Option<Locks>,
}

/// The damage that an operator accepts when a store is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The store was deleted: create a new one.
    pub new_store: bool,
    /// Acknowledged changes are lost, because the write-ahead log was truncated or changed: use the rest.
    pub lost_changes: bool,
}

struct Queues {
    writer: Queue,
    /// The writer's own connection in memory, which no other connection can read.
    readers: Queue,
}

/// Why a file could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Another process uses the file, and one of the two requires exclusive access.
    #[error("another terra-auth uses this store: {}", .0.display())]
    InUse(PathBuf),
    /// The file cannot be opened or created. Its folder must exist.
    #[error("could not open {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// A store was created here, and its file is now missing or empty.
    #[error("the store was deleted: {} is missing or empty, although a store was created there", .0.display())]
    Gone(PathBuf),
    /// The database has damaged pages; with the first finding.
    #[error("the store is damaged: {}: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// The write-ahead log does not contain all acknowledged changes.
    #[error("changes are lost: the write-ahead log of {} was changed, cut or removed after the last process ended", .0.display())]
    LostChanges(PathBuf),
    /// The file is a database of another program.
    #[error("{} is not a store of terra-auth", .0.display())]
    NoStore(PathBuf),
    /// The file is not a database, or the system denies access.
    #[error("could not open the database")]
    Database(#[from] rusqlite::Error),
    /// The schema cannot be migrated.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

const READERS: usize = 3;
/// A store up to this size is checked at every start, which takes at most 50 ms. A larger one is checked after a crash only.
const ALWAYS_CHECKED_BYTES: u64 = 16 * 1024 * 1024;

impl Sqlite {
    /// Opens a file, creates it if necessary, and migrates its schema. No other process may have it open, because a server
    /// caches rows, such as API keys, and would miss the changes.
    ///
    /// Fails if the store was deleted, has damaged pages, or has lost acknowledged changes.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_accepting(path, Accepted::default())
    }

    /// Like the function above, but accepts the given damage.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_accepting(path: impl AsRef<Path>, accepted: Accepted) -> Result<Self, SqliteError> {
        Self::open_locked(path.as_ref(), Share::Alone, accepted)
    }

    /// Opens a file that several processes can share, if each opens it this way and caches no rows. The writes of one process
    /// wait for those of the others.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_shared(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_shared_accepting(path, Accepted::default())
    }

    /// Like the function above, but accepts the given damage.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_shared_accepting(path: impl AsRef<Path>, accepted: Accepted) -> Result<Self, SqliteError> {
        Self::open_locked(path.as_ref(), Share::Together, accepted)
    }

    fn open_locked(path: &Path, share: Share, accepted: Accepted) -> Result<Self, SqliteError> {
        let path = std::path::absolute(path).map_err(|error| SqliteError::File(path.to_owned(), error))?;
        let mut locks = Locks::take(&path, share, accepted.new_store)?;
        let is_checked = locks.is_first && is_to_be_checked(&path, accepted)?;
        let connection = connection::open(&path, is_checked)?;
        let readers = (0..READERS).map(|_| connection::open_to_read(&path)).collect::<Result<Vec<_>, _>>()?;
        locks.settle(&path, share)?;
        let health = Arc::new(Health::new(Files::of(&path, share)));
        let (writer, write) = start_writer(connection, &health);
        let (reader, calls) = Queue::new();
        let read = readers.into_iter().map(|connection| {
            let (calls, health) = (calls.clone(), Arc::clone(&health));
            thread::spawn(move || worker::read(connection, &calls, &health))
        });
        let threads = read.chain([write]).collect();
        let exclusive = share == Share::Alone;
        Ok(Self { queues: Some(Queues { writer, readers: reader }), threads, exclusive, health, _locks: Some(locks) })
    }

    /// Opens a store in memory, which is lost when dropped.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn in_memory() -> Result<Self, SqliteError> {
        let health = Arc::new(Health::new(None));
        let (writer, write) = start_writer(connection::open_in_memory()?, &health);
        let readers = writer.clone();
        Ok(Self {
            queues: Some(Queues { writer, readers }),
            threads: vec![write],
            exclusive: true,
            health,
            _locks: None,
        })
    }

    fn queues(&self) -> Result<&Queues, StoreError> {
        self.queues.as_ref().ok_or(StoreError::Closed)
    }
}

fn start_writer(connection: Connection, health: &Arc<Health>) -> (Queue, JoinHandle<()>) {
    let ((queue, calls), health) = (Queue::new(), Arc::clone(health));
    (queue, thread::spawn(move || worker::write(connection, &calls, &health)))
}

/// Checks the files that the last process left. Returns whether all pages must be checked.
fn is_to_be_checked(path: &Path, accepted: Accepted) -> Result<bool, SqliteError> {
    let refused = |error| SqliteError::File(path.to_owned(), error);
    let log = log::look(path).map_err(refused)?;
    if log.is_cut && !accepted.lost_changes && !accepted.new_store {
        return Err(SqliteError::LostChanges(path.to_owned()));
    }
    if log.is_unclean {
        tracing::info!("the last process did not close the store; checking it");
    }
    Ok(log.is_unclean || fs::metadata(path).map_err(refused)?.len() <= ALWAYS_CHECKED_BYTES)
}

#[async_trait]
impl Engine for Sqlite {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.queues()?.writer.call(job, Access::Write).await
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.queues()?.readers.call(job, Access::Read).await
    }

    fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.health.look().map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let probed = if self.health.is_write_due() { self.queues()?.writer.probe().await } else { Ok(()) };
        self.health.last_write().and(probed)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queues = None;
        let here = thread::current().id(); // one of these threads, if the last job owned the store and its call was cancelled
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != here) {
            drop(thread.join()); // a panic has no caller to report to
        }
    }
}
