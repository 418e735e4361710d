//! Writes several credential files: all or none, whole or not at all, and never over somebody else's change.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::{CredentialFile, read, trust};
use crate::{
    failure::{Advice, Kind},
    git::{self, Standing},
    private_file,
};

/// Names of half-written files begin so; git ignores them like the others.
const HALF_WRITTEN: &str = ".env.terra.tmp-";
/// How long another `terra-auth` may take to write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes the files after telling git to ignore them. Returns whether git had to be told.
///
/// Everything that may fail for want of space or rights happens beside the old files; then each is replaced by a rename.
/// Should a rename fail all the same, those before it are undone.
///
/// All of them are in one folder.
pub(crate) fn write(files: &[&CredentialFile]) -> anyhow::Result<bool> {
    let Some(folder) = files.first().map(|file| file.folder()) else { return Ok(false) };
    let _lock = lock(folder)?;
    sweep(folder);
    files.iter().try_for_each(|file| unchanged(file))?;
    let told = ignore(files)?;
    let prepared: Result<Vec<_>, _> = files.iter().map(|file| Ok((*file, prepare(file)?))).collect();
    let mut done: Vec<&CredentialFile> = Vec::new();
    for (file, half_written) in prepared.map_err(|(name, error)| not_written(name, &error))? {
        if let Err(error) = half_written.persist(&file.path) {
            done.into_iter().for_each(undo);
            return Err(not_written(&file.name, &error.error).into());
        }
        done.push(file);
    }
    // The renames themselves; where a folder cannot be opened, the file system does it by itself.
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all()).context("the files may not survive a power cut")?;
    // A file that cannot be remembered has the same keys, and a reference in it says what to do.
    let agreed = files.iter().filter(|file| file.agreed);
    agreed.for_each(|file| drop(trust(&file.path, &file.entries.to_string())));
    Ok(told)
}

/// Holds the folder until it is dropped, so that two of us do not write at once. Not every file system can.
fn lock(folder: &Path) -> anyhow::Result<Option<File>> {
    let Ok(folder) = File::open(folder) else { return Ok(None) };
    let began = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => {
                let message = "another program keeps this folder locked; nothing was written";
                return Err(Advice::new(Kind::Failed, message, "let it end, then run this again").into());
            }
        }
    }
}

/// Removes what a killed run of ours has left; a folder that cannot be read is the next step's to complain about.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(HALF_WRITTEN)) {
        let _ = fs::remove_file(entry.path());
    }
}

fn unchanged(file: &CredentialFile) -> anyhow::Result<()> {
    let now = read(&file.path).with_context(|| format!("could not read {}", file.name))?;
    if now == file.before {
        return Ok(());
    }
    let message = format!("{} was changed by somebody else meanwhile; nothing was written", file.name);
    Err(Advice::new(Kind::Failed, message, "run this again, to change it as it is now").into())
}

fn ignore(files: &[&CredentialFile]) -> anyhow::Result<bool> {
    let seen: Vec<_> = files.iter().filter(|file| file.standing == Standing::NotIgnored).collect();
    if seen.is_empty() {
        return Ok(false);
    }
    git::ignore(seen[0].folder()).context("could not write .gitignore")?;
    match seen.into_iter().find(|file| git::standing(&file.path) == Standing::NotIgnored) {
        Some(file) => Err(still_seen(&file.name).into()),
        None => Ok(true),
    }
}

fn still_seen(name: &str) -> Advice {
    let next = format!("look for what brings it back with `git check-ignore --verbose --non-matching {name}`");
    Advice::new(Kind::Failed, format!("git does not ignore {name}, although .gitignore says so"), next)
}

/// The new text on the disk beside the old, readable by its owner only.
fn prepare(file: &CredentialFile) -> Result<NamedTempFile, (&str, io::Error)> {
    let write = || {
        let mut new = tempfile::Builder::new().prefix(HALF_WRITTEN).tempfile_in(file.folder())?;
        new.write_all(file.entries.to_string().as_bytes())?;
        new.as_file().sync_all()?;
        Ok(new)
    };
    write().map_err(|error| (&*file.name, error))
}

/// Puts back what was there. It was there a moment ago, so there is room; if not, the error that follows tells enough.
fn undo(file: &CredentialFile) {
    let _ = match &file.before {
        Some(text) => private_file::replace(&file.path, text),
        None => fs::remove_file(&file.path),
    };
}

fn not_written(name: &str, error: &io::Error) -> Advice {
    let next = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on this disk, then run this again"
        }
        io::ErrorKind::FileTooLarge => "raise the limit on what this process may write: see `ulimit -f`",
        io::ErrorKind::PermissionDenied => "get the right to write in this folder: see `ls -ld .`",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a disk that can be written to",
        _ => "mend that, then run this again",
    };
    Advice::new(Kind::Failed, format!("could not write {name}, which is as it was: {}", error.kind()), next)
}
