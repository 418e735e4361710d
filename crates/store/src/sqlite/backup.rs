//! Backup and restore of a store's file.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    SqliteError,
    connection::{self, BUSY_TIMEOUT},
    files::{Locks, Share},
    is_to_be_checked, log,
};
use crate::{Accepted, MigrateError};

/// Copies a consistent snapshot of a store into a new file, and verifies every page of the copy. A process that uses the
/// store is not affected: the copy is one read transaction, which does not block writers. The target must not exist.
///
/// # Errors
///
/// The store does not exist, [`Sqlite::open`](super::Sqlite::open) would fail, or the copy could not be written.
pub fn backup(source: &Path, target: &Path) -> Result<(), SqliteError> {
    let source = std::path::absolute(source).map_err(|error| SqliteError::File(source.to_owned(), error))?;
    if fs::metadata(&source).map_or(0, |file| file.len()) == 0 {
        return Err(SqliteError::Gone(source));
    }
    // If no process uses the store, the lock keeps others out until this is done, and lost changes are detected.
    let _locks = match Locks::take(&source, Share::Alone, false) {
        Ok(locks) => {
            is_to_be_checked(&source, Accepted::default())?;
            Some(locks)
        }
        Err(SqliteError::InUse(_)) => None,
        Err(error) => return Err(error),
    };
    let connection = Connection::open_with_flags(&source, flags())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let name =
        target.to_str().ok_or_else(|| SqliteError::File(target.to_owned(), std::io::ErrorKind::InvalidInput.into()))?;
    connection.execute("VACUUM INTO $1", [name])?;
    drop(connection);
    let refused = |error| SqliteError::File(target.to_owned(), error);
    #[cfg(unix)]
    fs::set_permissions(target, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(refused)?;
    File::open(target).and_then(|file| file.sync_all()).map_err(refused)?;
    verify(target)
}

/// Reads every page of a copy that no process has open, and checks that this program supports its schema.
///
/// # Errors
///
/// Its problem.
pub fn verify(copy: &Path) -> Result<(), SqliteError> {
    let connection = Connection::open_with_flags(copy, flags())?;
    connection::check(&connection).map_err(|found| SqliteError::Damaged(copy.to_owned(), found))?;
    let newest = "SELECT MAX(number) FROM schema_migrations";
    let found = connection.query_row(newest, [], |row| row.get::<_, Option<u32>>(0));
    let found = found.ok().flatten().ok_or_else(|| SqliteError::NoStore(copy.to_owned()))? as usize;
    let known = connection::migrations();
    if found > known { Err(MigrateError::Newer { found, known }.into()) } else { Ok(()) }
}

/// Replaces a store by a verified copy in the same folder or a subfolder. Returns the new path of the replaced file. No
/// process may have the store open.
///
/// 1. Rename the store's log and index, then its file, to a common new name. After a crash here, the store counts as
///    deleted, and no start creates a new one.
/// 2. Rename the copy.
///
/// # Errors
///
/// See [`SqliteError`].
pub fn replace(store: &Path, copy: &Path, aside: &str) -> Result<Option<PathBuf>, SqliteError> {
    let store = std::path::absolute(store).map_err(|error| SqliteError::File(store.to_owned(), error))?;
    let refused = |error| SqliteError::File(store.clone(), error);
    let mut locks = Locks::take(&store, Share::Alone, true)?;
    locks.settle(&store, Share::Alone)?;
    let is_there = fs::metadata(&store).map_err(refused)?.len() > 0;
    let aside = log::beside(&store, aside);
    for ending in ["-wal", "-shm", ""] {
        let from = log::beside(&store, ending);
        if from.exists() {
            fs::rename(from, log::beside(&aside, ending)).map_err(refused)?;
        }
    }
    fs::rename(copy, &store).map_err(refused)?;
    store.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()).map_err(refused)?;
    if is_there {
        return Ok(Some(aside));
    }
    fs::remove_file(&aside).map_err(refused)?; // it was created above for the lock
    Ok(None)
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}
