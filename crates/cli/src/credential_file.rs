//! The files with the environments' keys, which only their owner can read and git does not see.

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
    failure::{Advice, Kind},
    git::{self, Standing},
};

pub(crate) use write::write;

mod write;

/// The same bound as the client's.
const LONGEST: u64 = 64 * 1024;

/// The credential file of one environment, there already or not.
pub(crate) struct CredentialFile {
    pub(crate) path: PathBuf,
    /// The path for people.
    pub(crate) name: String,
    /// Whether the user has agreed to the text that was read. A file that is not there asks for nothing.
    pub(crate) trust: Trust,
    /// Whether the user agrees to all that the new text will say.
    pub(crate) agreed: bool,
    pub(crate) entries: EnvFile,
    standing: Standing,
    /// The text that was read; none if there was no file.
    before: Option<String>,
}

impl CredentialFile {
    /// That of the working directory.
    pub(crate) fn open(environment: Environment) -> anyhow::Result<Self> {
        Self::open_in(Path::new(""), environment)
    }

    pub(crate) fn open_in(folder: &Path, environment: Environment) -> anyhow::Result<Self> {
        let path = folder.join(credentials::file_name(environment));
        let name = path.display().to_string();
        let standing = git::standing(&path);
        if standing == Standing::Tracked {
            return Err(tracked(&name).into());
        }
        let before = read(&path).with_context(|| format!("could not read {name}"))?;
        let entries = parse(&name, before.as_deref().unwrap_or_default())?;
        let trust = match &before {
            Some(text) => TrustStore::of_process().look_up(&path, &FileDigest::of(text.as_bytes())),
            None => Trust::Trusted,
        };
        Ok(Self { path, name, trust, agreed: trust == Trust::Trusted, entries, standing, before })
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The value that the file holds, unless it is empty.
    pub(crate) fn held(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(str::trim).filter(|value| !value.is_empty())
    }
}

/// Reads a dotenv file's text; `name` is for people.
pub(crate) fn parse(name: &str, text: &str) -> anyhow::Result<EnvFile> {
    let malformed = |error| Advice::new(Kind::NoCredentials, format!("{name}: {error}"), "mend or delete that line");
    Ok(EnvFile::parse(text).map_err(malformed)?)
}

fn tracked(name: &str) -> Advice {
    let next = format!("run `git rm --cached {name}`, commit, replace the keys that were in it, then run this again");
    Advice::new(Kind::Failed, format!("{name} is tracked by git, which would spread its keys"), next)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::Error::other("it is a link or a folder; replace it by a file"));
    }
    if metadata.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
    }
    fs::read_to_string(path).map(Some)
}

/// Remembers that this program wrote a credential file, so that it counts like one that its user has looked at. Where that
/// cannot be remembered, the file works as far as one from elsewhere does.
pub(crate) fn trust(path: &Path, text: &str) -> io::Result<()> {
    TrustStore::of_process().add(path, &FileDigest::of(text.as_bytes()))
}
