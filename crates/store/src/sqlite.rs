//! SQLite: one thread writes and commits for all who wait, a few others read.

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
/// Dropping it finishes what was accepted, writes everything into the file and closes it.
pub struct Sqlite {
    queues: Option<Queues>,
    threads: Vec<JoinHandle<()>>,
    exclusive: bool,
    health: Arc<Health>,
    _locks: Option<Locks>,
}

/// The problems despite which a store is opened, if its operator says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// There was a store, and it is gone: a new one is made in its place.
    pub new_store: bool,
    /// Changes that were acknowledged are lost, as the write-ahead log was cut or changed: the rest is used.
    pub lost_changes: bool,
}

struct Queues {
    writer: Queue,
    /// The writer's own in memory, where no other connection sees the data.
    readers: Queue,
}

/// Why a file could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Another process uses the file, and one of the two wants it for itself.
    #[error("another terra-auth uses this store: {}", .0.display())]
    InUse(PathBuf),
    /// The file cannot be opened or made. Its folder must be there.
    #[error("could not open {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// A store was made here, and its file is missing or empty now.
    #[error("the store is gone: {} is missing or empty, and there was a store", .0.display())]
    Gone(PathBuf),
    /// The file is a database with broken pages; and what was found first.
    #[error("the store is damaged: {}: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// The write-ahead log beside the file does not hold all that was acknowledged.
    #[error("changes are lost: the write-ahead log of {} was changed, cut or removed after the last process ended", .0.display())]
    LostChanges(PathBuf),
    /// The file is a database, and none of ours.
    #[error("{} is no store of terra-auth", .0.display())]
    NoStore(PathBuf),
    /// The file is no database, or the machine does not let us work with it.
    #[error("could not open the database")]
    Database(#[from] rusqlite::Error),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

const READERS: usize = 3;
/// A store of up to this size is checked at every start, in some 50 ms at most; a larger one after an unclean end only.
const ALWAYS_CHECKED_BYTES: u64 = 16 * 1024 * 1024;

impl Sqlite {
    /// Opens a file, which is made when it is not there, and brings its schema up to date. No other process may have it
    /// open: what a server keeps in memory, such as API keys, would miss the changes of others.
    ///
    /// A store that was there before and is gone, has broken pages, or has lost acknowledged changes is refused.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_accepting(path, Accepted::default())
    }

    /// The same, but some of what would be refused is accepted.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_accepting(path: impl AsRef<Path>, accepted: Accepted) -> Result<Self, SqliteError> {
        Self::open_locked(path.as_ref(), Share::Alone, accepted)
    }

    /// The same beside others who open it so, for those who keep nothing of it in memory. Each write of one waits for
    /// those of the others.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_shared(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_shared_accepting(path, Accepted::default())
    }

    /// The same, but some of what would be refused is accepted.
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

    /// Opens a store that is gone once it is dropped.
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

/// Looks at what the last process left; answers whether the pages are to be read before they are used.
fn is_to_be_checked(path: &Path, accepted: Accepted) -> Result<bool, SqliteError> {
    let refused = |error| SqliteError::File(path.to_owned(), error);
    let log = log::look(path).map_err(refused)?;
    if log.is_cut && !accepted.lost_changes && !accepted.new_store {
        return Err(SqliteError::LostChanges(path.to_owned()));
    }
    if log.is_unclean {
        tracing::info!("the store was not closed by the last process that used it; it is checked");
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
        let here = thread::current().id(); // of these threads, if the last job held the store and its caller hung up
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != here) {
            drop(thread.join()); // a thread that panicked has no caller left to answer
        }
    }
}
