//! The files with the environments' keys. Only their owner can read them, and git ignores them.

mod write;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth::{
    Environment,
    credentials::{self, FileDigest, Trust, TrustStore},
};

use crate::{
    env_file::EnvFile,
    failure::{CommandError, FailureKind},
    git::{self, GitStatus},
};
pub(crate) use write::write;

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
