//! The files of a store: locks, and detection of replaced files.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{SqliteError, log};

/// The access mode of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    Alone,
    /// Shared with processes of the same mode.
    Together,
}

/// The content of the lock file once the store beside it was created. It outlives the store's own file.
const STORE_CREATED: &str = "a store was made here\n";

/// How long a process waits for another one that checks a shared file.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// The locks of a store. Dropping it releases them.
///
/// The lock file decides which process can open the store. The database is locked as well, in case the lock file is deleted:
/// by `flock`, which does not interact with SQLite's own locks on Linux. This handle of the database must outlive all
/// connections, because closing it releases SQLite's locks too.
pub(super) struct Locks {
    lock: File,
    database: File,
    /// Whether no other process has the store open, so that its files can be checked.
    pub(super) is_first: bool,
    /// Whether a store was created here before.
    pub(super) was_made: bool,
}

impl Locks {
    /// Creates an empty database if there was none before, or if a new one is requested.
    pub(super) fn take(path: &Path, share: Share, new_store: bool) -> Result<Self, SqliteError> {
        let refused = |error| SqliteError::File(path.to_owned(), error);
        let mut lock = private().open(path.with_added_extension("lock")).map_err(refused)?;
        let locked = match share {
            Share::Alone => lock.try_lock(),
            Share::Together => lock.try_lock_shared(),
        };
        locked.map_err(|error| in_use(path, error))?;
        let mut said = String::new();
        lock.read_to_string(&mut said).map_err(refused)?;
        let was_made = !said.is_empty();
        if !new_store && is_gone(path, was_made) {
            return Err(SqliteError::Gone(path.to_owned()));
        }
        let database = private().open(path).map_err(refused)?;
        let is_first = lock_database(&database, path, share)?;
        Ok(Self { lock, database, is_first, was_made })
    }

    /// Records that a store was created, and admits processes that share the file.
    pub(super) fn settle(&mut self, path: &Path, share: Share) -> Result<(), SqliteError> {
        let refused = |error| SqliteError::File(path.to_owned(), error);
        if !self.was_made {
            self.lock.write_all(STORE_CREATED.as_bytes()).and_then(|()| self.lock.sync_all()).map_err(refused)?;
        }
        if self.is_first && share == Share::Together && cfg!(target_os = "linux") {
            self.database.lock_shared().map_err(refused)?;
        }
        Ok(())
    }
}

/// Whether a store was deleted. A log without a database counts too.
fn is_gone(path: &Path, was_made: bool) -> bool {
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    size(path) == 0 && (was_made || size(&log::beside(path, "-wal")) > 0)
}

/// Takes the lock. Returns whether no other process has it.
fn lock_database(database: &File, path: &Path, share: Share) -> Result<bool, SqliteError> {
    if !cfg!(target_os = "linux") {
        return Ok(share == Share::Alone); // on other systems, such a lock conflicts with SQLite's own
    }
    let began = Instant::now();
    loop {
        match database.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if share == Share::Together => {}
            Err(error) => return Err(in_use(path, error)),
        }
        match database.try_lock_shared() {
            Ok(()) => return Ok(false),
            Err(TryLockError::WouldBlock) if began.elapsed() < CHECK_TIMEOUT => thread::sleep(LOCK_POLL),
            Err(error) => return Err(in_use(path, error)),
        }
    }
}

fn in_use(path: &Path, error: TryLockError) -> SqliteError {
    match error {
        TryLockError::WouldBlock => SqliteError::InUse(path.to_owned()),
        TryLockError::Error(error) => SqliteError::File(path.to_owned(), error),
    }
}

/// Options that create files which only their owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A change of a store's file while it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file does not exist any more.
    #[error("the store's {0} was deleted or moved; put it back, or stop the server and restore a backup")]
    Deleted(StoreFile),
    /// The file was replaced by another one.
    #[error("the store's {0} was replaced by another file; stop the server, then restore the right one")]
    Replaced(StoreFile),
    /// The file is shorter than SQLite ever writes it.
    #[error("the store's {0} was truncated; stop the server and restore a backup")]
    Truncated(StoreFile),
}

/// One of the files of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFile {
    /// The database itself.
    Database,
    /// The write-ahead log, with the suffix `-wal`.
    Log,
    /// The index of the log, with the suffix `-shm`.
    Index,
}

impl std::fmt::Display for StoreFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Database => "file",
            Self::Log => "write-ahead log",
            Self::Index => "index of the write-ahead log",
        })
    }
}

/// The identities of the files of an open store.
pub(super) struct Files {
    watched: [(StoreFile, PathBuf, FileIdentity); 3],
    share: Share,
    /// The maximum length of the log so far.
    log_bytes: AtomicU64,
}

/// SQLite truncates a longer log when it restarts it.
pub(super) const LOG_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

impl Files {
    /// `None` if the system has no file identities.
    pub(super) fn of(path: &Path, share: Share) -> Option<Self> {
        let endings = [(StoreFile::Database, ""), (StoreFile::Log, "-wal"), (StoreFile::Index, "-shm")];
        let watched = endings.map(|(file, ending)| {
            let path = log::beside(path, ending);
            let identity = fs::metadata(&path).ok().as_ref().map(identity);
            (file, path, identity)
        });
        let [first, second, third] = watched;
        let known = |(file, path, identity): (StoreFile, PathBuf, Option<FileIdentity>)| Some((file, path, identity?));
        let watched = [known(first)?, known(second)?, known(third)?];
        cfg!(unix).then_some(Self { watched, share, log_bytes: AtomicU64::new(0) })
    }

    /// Checks that writes go to the files which the next process will open.
    pub(super) fn check(&self) -> Result<(), FileError> {
        for (file, path, known) in &self.watched {
            let Ok(metadata) = fs::metadata(path) else { return Err(FileError::Deleted(*file)) };
            if identity(&metadata) != *known {
                return Err(FileError::Replaced(*file));
            }
            if metadata.len() < self.least_bytes(*file, metadata.len()) {
                return Err(FileError::Truncated(*file));
            }
        }
        Ok(())
    }

    fn least_bytes(&self, file: StoreFile, now: u64) -> u64 {
        match (file, self.share) {
            (StoreFile::Database | StoreFile::Index, _) => 1,
            // The last process that closes the log truncates it.
            (StoreFile::Log, Share::Together) => 0,
            (StoreFile::Log, Share::Alone) => self.log_bytes.fetch_max(now, Ordering::Relaxed).min(LOG_LIMIT_BYTES),
        }
    }
}

type FileIdentity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> FileIdentity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> FileIdentity {
    (0, 0)
}
