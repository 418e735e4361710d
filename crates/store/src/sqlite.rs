//! SQLite: one thread writes and commits for all who wait, a few others read.

mod connection;
mod failure;
mod queue;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use rusqlite::Connection;
use terra_auth_core::store::{Engine, Job, StoreError};

#[cfg(test)]
pub(crate) use self::connection::{Transaction, open_in_memory};
use self::queue::Queue;
use crate::{engine::Access, migrate::MigrateError};

/// A store in one file, or in memory.
///
/// Dropping it finishes what was accepted, writes everything into the file and closes it.
pub struct Sqlite {
    queues: Option<Queues>,
    threads: Vec<JoinHandle<()>>,
    exclusive: bool,
    _lock: Option<File>,
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
    /// The file is no database, or the machine does not let us work with it.
    #[error("could not open the database")]
    Database(#[from] rusqlite::Error),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

const READERS: usize = 3;

impl Sqlite {
    /// Opens a file, which is made when it is not there, and brings its schema up to date. Nobody else may have it
    /// open: what a server keeps in memory, such as API keys, would miss the changes of others.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_locked(path.as_ref(), File::try_lock, true)
    }

    /// The same beside others who open it so, for those who keep nothing of it in memory. Each write of one waits for
    /// those of the others.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn open_shared(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_locked(path.as_ref(), File::try_lock_shared, false)
    }

    fn open_locked(path: &Path, try_lock: TryLock, exclusive: bool) -> Result<Self, SqliteError> {
        let path = std::path::absolute(path).map_err(|error| SqliteError::File(path.to_owned(), error))?;
        let lock = lock(&path, try_lock)?;
        let connection = connection::open(&path)?;
        let readers = (0..READERS).map(|_| connection::open_to_read(&path)).collect::<Result<Vec<_>, _>>()?;
        let (writer, write) = start_writer(connection);
        let (reader, calls) = Queue::new();
        let read = readers.into_iter().map(|connection| {
            let calls = calls.clone();
            thread::spawn(move || worker::read(connection, &calls))
        });
        let threads = read.chain([write]).collect();
        Ok(Self { queues: Some(Queues { writer, readers: reader }), threads, exclusive, _lock: Some(lock) })
    }

    /// Opens a store that is gone once it is dropped.
    ///
    /// # Errors
    ///
    /// See [`SqliteError`].
    pub fn in_memory() -> Result<Self, SqliteError> {
        let (writer, write) = start_writer(connection::open_in_memory()?);
        let readers = writer.clone();
        Ok(Self { queues: Some(Queues { writer, readers }), threads: vec![write], exclusive: true, _lock: None })
    }

    fn queues(&self) -> Result<&Queues, StoreError> {
        self.queues.as_ref().ok_or(StoreError::Closed)
    }
}

fn start_writer(connection: Connection) -> (Queue, JoinHandle<()>) {
    let (queue, calls) = Queue::new();
    (queue, thread::spawn(move || worker::write(connection, &calls)))
}

type TryLock = fn(&File) -> Result<(), TryLockError>;

fn lock(path: &Path, try_lock: TryLock) -> Result<File, SqliteError> {
    let lock_path = path.with_added_extension("lock");
    let refused = |error| SqliteError::File(path.to_owned(), error);
    let lock = private().open(&lock_path).map_err(refused)?;
    match try_lock(&lock) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(SqliteError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    private().open(path).map_err(refused)?;
    Ok(lock)
}

/// Makes files that only their owner reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
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
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queues = None;
        let here = thread::current().id(); // of these threads, if the last job held the store and its caller hung up
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != here) {
            drop(thread.join()); // a thread that panicked has answered nobody, and nobody is left to tell
        }
    }
}
