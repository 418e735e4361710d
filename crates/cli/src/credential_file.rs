//! The files with the environments' keys, which only their owner can read and git does not see.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use terra_auth::{Environment, credentials};

use crate::{
    env_file::EnvFile,
    failure::{Advice, Kind},
    git::{self, Standing},
};

pub(crate) use write::write;

mod write;

/// The same bound as the client's.
const LONGEST: u64 = 64 * 1024;

/// The credential file of one environment in the working directory, there already or not.
pub(crate) struct CredentialFile {
    pub(crate) name: String,
    pub(crate) entries: EnvFile,
    standing: Standing,
    /// The text that was read; none if there was no file.
    before: Option<String>,
}

impl CredentialFile {
    pub(crate) fn open(environment: Environment) -> anyhow::Result<Self> {
        let name = credentials::file_name(environment);
        let standing = git::standing(&name);
        if standing == Standing::Tracked {
            return Err(tracked(&name).into());
        }
        let before = read(&name).with_context(|| format!("could not read {name}"))?;
        let entries = parse(&name, before.as_deref().unwrap_or_default())?;
        Ok(Self { name, entries, standing, before })
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

fn read(name: &str) -> io::Result<Option<String>> {
    let metadata = match fs::symlink_metadata(Path::new(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::Error::other("it is a link or a folder; replace it by a file"));
    }
    if metadata.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
    }
    fs::read_to_string(name).map(Some)
}
