//! The file with an environment's keys, which only its owner can read and git does not see.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use terra_auth::{Environment, credentials};

use crate::{
    env_file::EnvFile,
    failure::{Advice, Kind},
    git::{self, Standing},
    private_file,
};

/// The same bound as the client's.
const LONGEST: u64 = 64 * 1024;

/// The credential file of one environment in the working directory, there already or not.
pub(crate) struct CredentialFile {
    pub(crate) name: String,
    pub(crate) entries: EnvFile,
    standing: Standing,
}

impl CredentialFile {
    pub(crate) fn open(environment: Environment) -> anyhow::Result<Self> {
        let name = credentials::file_name(environment);
        let standing = git::standing(&name);
        if standing == Standing::Tracked {
            return Err(tracked(&name).into());
        }
        let text = read(&name).with_context(|| format!("could not read {name}"))?;
        let malformed =
            |error| Advice::new(Kind::NoCredentials, format!("{name}: {error}"), "mend or delete that line");
        Ok(Self { entries: EnvFile::parse(&text).map_err(malformed)?, name, standing })
    }

    /// The value that the file holds, unless it is empty.
    pub(crate) fn held(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Writes all of it or nothing, after telling git to ignore it. Returns whether git had to be told.
    pub(crate) fn write(&self) -> anyhow::Result<bool> {
        let not_ignored = self.standing == Standing::NotIgnored;
        if not_ignored {
            git::ignore().context("could not write .gitignore")?;
            if git::standing(&self.name) == Standing::NotIgnored {
                return Err(still_seen(&self.name).into());
            }
        }
        private_file::replace(Path::new(&self.name), &self.entries.to_string())
            .with_context(|| format!("could not write {}", self.name))?;
        Ok(not_ignored)
    }
}

fn tracked(name: &str) -> Advice {
    let next = format!("run `git rm --cached {name}`, commit, replace the keys that were in it, then run this again");
    Advice::new(Kind::Failed, format!("{name} is tracked by git, which would spread its keys"), next)
}

fn still_seen(name: &str) -> Advice {
    let next = format!("look for what brings it back with `git check-ignore --verbose --non-matching {name}`");
    Advice::new(Kind::Failed, format!("git does not ignore {name}, although .gitignore says so"), next)
}

fn read(name: &str) -> io::Result<String> {
    let metadata = match fs::symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::Error::other("it is a link or a folder; replace it by a file"));
    }
    if metadata.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
    }
    fs::read_to_string(name)
}
