//! The files with the environments' keys. Only their owner can read them, and git ignores them.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tempfile::NamedTempFile;
use terra_auth::{
    Environment,
    credentials::{self, FileDigest, Trust, TrustStore},
};

use crate::{
    credentials::{env_file::EnvFile, private_file},
    failure::{CommandError, FailureKind},
    git::{self, GitStatus},
};

/// The same bound as the client's.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The credential file of one environment, which may not exist yet.
pub(crate) struct CredentialFile {
    pub(crate) path: PathBuf,
    /// The path for messages.
    pub(crate) name: String,
    /// Whether the user has agreed to the text that was read. A missing file counts as trusted.
    pub(crate) trust: Trust,
    /// Whether the user agrees to the complete new text.
    pub(crate) agreed: bool,
    pub(crate) entries: EnvFile,
    git_status: GitStatus,
    /// The text that was read; `None` if there was no file.
    old_text: Option<String>,
}

impl CredentialFile {
    /// Opens the credential file in the working directory.
    pub(crate) fn open(environment: Environment) -> anyhow::Result<Self> {
        Self::open_in(Path::new(""), environment)
    }

    pub(crate) fn open_in(folder: &Path, environment: Environment) -> anyhow::Result<Self> {
        let path = folder.join(credentials::file_name(environment));
        let name = path.display().to_string();
        let standing = git::status(&path);
        if standing == GitStatus::Tracked {
            return Err(tracked_by_git_error(&name).into());
        }
        let before = read(&path).with_context(|| format!("could not read {name}"))?;
        let entries = parse(&name, before.as_deref().unwrap_or_default())?;
        let trust = match &before {
            Some(text) => TrustStore::of_process().look_up(&path, &FileDigest::of(text.as_bytes())),
            None => Trust::Trusted,
        };
        Ok(Self { path, name, trust, agreed: trust == Trust::Trusted, entries, git_status: standing, old_text: before })
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The value of `key` in the file, unless it is empty.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(str::trim).filter(|value| !value.is_empty())
    }
}

/// Parses the text of a dotenv file; `name` is for messages.
pub(crate) fn parse(name: &str, text: &str) -> anyhow::Result<EnvFile> {
    let malformed =
        |error| CommandError::new(FailureKind::NoCredentials, format!("{name}: {error}"), "fix or delete that line");
    Ok(EnvFile::parse(text).map_err(malformed)?)
}

fn tracked_by_git_error(name: &str) -> CommandError {
    let next = format!("run `git rm --cached {name}`, commit, rotate the keys that were in it, then run this again");
    CommandError::new(FailureKind::Failed, format!("{name} is tracked by git, which would publish its keys"), next)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::Error::other("it is a link or a folder; replace it with a file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
    }
    fs::read_to_string(path).map(Some)
}

/// Records that this program wrote a credential file, so it is trusted like a file that the user
/// has reviewed. If this fails, the file is treated like a file from elsewhere.
pub(crate) fn trust(path: &Path, text: &str) -> io::Result<()> {
    TrustStore::of_process().add(path, &FileDigest::of(text.as_bytes()))
}

/// Prefix of the names of temporary files, which git ignores like credential files.
const TEMP_FILE_PREFIX: &str = ".env.terra.tmp-";

/// How long to wait for another `terra-auth` that writes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes the files, after adding them to `.gitignore`. Returns whether `.gitignore` was changed.
///
/// The new texts are first written to temporary files, because that can fail for lack of space or
/// permissions. Then each old file is replaced with a rename. If a rename fails, the earlier ones
/// are undone.
///
/// All files must be in one folder.
pub(crate) fn write(files: &[&CredentialFile]) -> anyhow::Result<bool> {
    let Some(folder) = files.first().map(|file| file.folder()) else { return Ok(false) };
    let _lock = lock(folder)?;
    remove_temp_files(folder);
    files.iter().try_for_each(|file| check_unchanged(file))?;
    let told = ignore(files)?;
    let prepared: Result<Vec<_>, _> = files.iter().map(|file| Ok((*file, prepare(file)?))).collect();
    let mut done: Vec<&CredentialFile> = Vec::new();
    for (file, half_written) in prepared.map_err(|(name, error)| write_error(name, &error))? {
        if let Err(error) = half_written.persist(&file.path) {
            done.into_iter().for_each(restore_old_text);
            return Err(write_error(&file.name, &error.error).into());
        }
        done.push(file);
    }
    // Makes the renames durable. If the folder cannot be opened, this is left to the file system.
    File::open(folder)
        .map_or(Ok(()), |folder| folder.sync_all())
        .context("the files were written, but may be lost in a power cut")?;
    // If this fails, the keys still work, and a command that resolves a reference reports the untrusted file.
    let agreed = files.iter().filter(|file| file.agreed);
    agreed.for_each(|file| drop(trust(&file.path, &file.entries.to_string())));
    Ok(told)
}

/// Locks the folder against another `terra-auth` until the result is dropped. `None` if the file
/// system has no locks.
fn lock(folder: &Path) -> anyhow::Result<Option<File>> {
    let Ok(folder) = File::open(folder) else { return Ok(None) };
    let began = Instant::now();
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Some(folder)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_TIMEOUT => thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => {
                let message = "another program has locked this folder; nothing was written";
                return Err(CommandError::new(
                    FailureKind::Failed,
                    message,
                    "wait until it has finished, then run this again",
                )
                .into());
            }
        }
    }
}

/// Removes the temporary files of a killed run. A folder that cannot be read is reported by the next step.
fn remove_temp_files(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMP_FILE_PREFIX)) {
        let _ = fs::remove_file(entry.path());
    }
}

fn check_unchanged(file: &CredentialFile) -> anyhow::Result<()> {
    let now = read(&file.path).with_context(|| format!("could not read {}", file.name))?;
    if now == file.old_text {
        return Ok(());
    }
    let message = format!("another program changed {} during this run; nothing was written", file.name);
    Err(CommandError::new(FailureKind::Failed, message, "run this again to change the new version").into())
}

fn ignore(files: &[&CredentialFile]) -> anyhow::Result<bool> {
    let seen: Vec<_> = files.iter().filter(|file| file.git_status == GitStatus::NotIgnored).collect();
    if seen.is_empty() {
        return Ok(false);
    }
    git::ignore(seen[0].folder()).context("could not write .gitignore")?;
    match seen.into_iter().find(|file| git::status(&file.path) == GitStatus::NotIgnored) {
        Some(file) => Err(not_ignored_error(&file.name).into()),
        None => Ok(true),
    }
}

fn not_ignored_error(name: &str) -> CommandError {
    let next = format!("find the rule that includes it with `git check-ignore --verbose --non-matching {name}`");
    CommandError::new(FailureKind::Failed, format!("git does not ignore {name}, although .gitignore says so"), next)
}

/// Writes the new text to a temporary file in the same folder, readable by its owner only.
fn prepare(file: &CredentialFile) -> Result<NamedTempFile, (&str, io::Error)> {
    let write = || {
        let mut new = tempfile::Builder::new().prefix(TEMP_FILE_PREFIX).tempfile_in(file.folder())?;
        new.write_all(file.entries.to_string().as_bytes())?;
        new.as_file().sync_all()?;
        Ok(new)
    };
    write().map_err(|error| (&*file.name, error))
}

/// Restores the old text. There should be space for it, because it was there a moment ago. If this
/// fails, the error of the rename is reported.
fn restore_old_text(file: &CredentialFile) {
    let _ = match &file.old_text {
        Some(text) => private_file::replace(&file.path, text),
        None => fs::remove_file(&file.path),
    };
}

fn write_error(name: &str, error: &io::Error) -> CommandError {
    let next = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on this disk, then run this again"
        }
        io::ErrorKind::FileTooLarge => "raise the file size limit of this process: see `ulimit -f`",
        io::ErrorKind::PermissionDenied => "get write permission for this folder: see `ls -ld .`",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a writable disk",
        _ => "fix that, then run this again",
    };
    CommandError::new(
        FailureKind::Failed,
        format!("could not write {name}; it was not changed: {}", error.kind()),
        next,
    )
}
