//! Which credential files the user of this machine has agreed to.
//!
//! A credential file may come from a repository or an archive. Before one may name a program to run or an entry of the
//! keyring, or say where an admin token goes, its user must have agreed to it as it is now: `terra-auth env trust` remembers
//! its path and the SHA-256 of its text, and so does every command that writes one.
//!
//! The records are files in a folder below the user's state folder, one for each credential file. A record's name is the
//! digest of path and text, so looking one up needs no parsing, and two processes that add records need no lock. The folder
//! must pass [`ownership::check`]. [`TRUSTED_FILES`] lists digests of texts instead, for places without a state folder.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::ownership::{self, Access};

/// The variable with the SHA-256 digests of trusted credential files, separated by commas. Optional.
pub const TRUSTED_FILES: &str = "TERRA_AUTH_TRUSTED_FILES";

/// The SHA-256 of a credential file's text, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest(String);

impl FileDigest {
    /// Of this text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(text)))
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the user has agreed to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// To the file as it is.
    Trusted,
    /// To another text at the same path.
    Changed,
    /// Never.
    Unknown,
}

/// A file that is trusted while its text has this digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedFile {
    /// Without symbolic links.
    pub path: PathBuf,
    /// The text's.
    pub digest: FileDigest,
}

/// Remembers which files are trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    /// The state folder and the one below the folder for temporary files. The first that passes [`ownership::check`] is used.
    folders: Vec<PathBuf>,
    digests: Vec<String>,
}

impl TrustStore {
    /// That of the user who runs this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        Self::of(&text)
    }

    /// That of a process with these variables: `XDG_STATE_HOME`, else `HOME`, and [`TRUSTED_FILES`].
    ///
    /// Where neither folder can be used, as in a container whose user has no home, records lie in a folder of the user's
    /// own below the one for temporary files.
    #[must_use]
    pub fn of(vars: &impl Fn(&str) -> Option<String>) -> Self {
        let folder = |name| vars(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
        let state = state.map(|state| state.join("terra-auth/trusted"));
        let digests = vars(TRUSTED_FILES).unwrap_or_default();
        let digests = digests.split([',', ' ', '\n']).map(|digest| digest.trim().to_ascii_lowercase());
        Self {
            folders: state.into_iter().chain(fallback()).collect(),
            digests: digests.filter(|digest| !digest.is_empty()).collect(),
        }
    }

    /// Whether `file` is trusted with a text of this digest.
    #[must_use]
    pub fn look_up(&self, file: &Path, digest: &FileDigest) -> Trust {
        if self.digests.contains(&digest.0) {
            return Trust::Trusted;
        }
        let Ok(path) = file.canonicalize() else { return Trust::Unknown };
        let name = record_name(&path, digest);
        let holds = |folder: &PathBuf| ownership::check(&folder.join(&name), Access::Change).is_ok();
        if self.in_use().iter().any(holds) {
            return Trust::Trusted;
        }
        if self.list().iter().any(|known| known.path == path) { Trust::Changed } else { Trust::Unknown }
    }

    /// Remembers that `file` is trusted with a text of this digest, and forgets its earlier texts.
    ///
    /// # Errors
    ///
    /// If no folder can be used.
    pub fn add(&self, file: &Path, digest: &FileDigest) -> io::Result<()> {
        let path = file.canonicalize()?;
        let mut problem = io::Error::new(io::ErrorKind::NotFound, "there is no folder for this user's state");
        for folder in &self.folders {
            match write_record(folder, &path, digest) {
                Ok(()) => {
                    self.remove_except(&path, Some(&record_name(&path, digest)))?;
                    return Ok(());
                }
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Forgets `file`. Returns whether it was trusted by a record.
    ///
    /// # Errors
    ///
    /// If a record cannot be removed.
    pub fn remove(&self, file: &Path) -> io::Result<bool> {
        // A file that is gone keeps the name that it had.
        let path = file.canonicalize().or_else(|_| std::path::absolute(file))?;
        self.remove_except(&path, None)
    }

    /// All files that are trusted by a record, by their paths.
    #[must_use]
    pub fn list(&self) -> Vec<TrustedFile> {
        let mut files: Vec<TrustedFile> = self.records().into_iter().map(|(_, file)| file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn remove_except(&self, path: &Path, kept: Option<&str>) -> io::Result<bool> {
        let outdated = |(record, file): &(PathBuf, TrustedFile)| {
            file.path == path && record.file_name().and_then(|name| name.to_str()) != kept
        };
        let records: Vec<_> = self.records().into_iter().filter(outdated).collect();
        records.iter().try_for_each(|(record, _)| fs::remove_file(record))?;
        Ok(!records.is_empty())
    }

    /// The state folder alone, if it can be used.
    fn in_use(&self) -> &[PathBuf] {
        match self.folders.first() {
            Some(first) if ownership::check(first, Access::Change).is_ok() => std::slice::from_ref(first),
            _ => &self.folders,
        }
    }

    fn records(&self) -> Vec<(PathBuf, TrustedFile)> {
        let entries = self.in_use().iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries.filter_map(|entry| Some((entry.path(), read_record(&entry.path())?))).collect()
    }
}

/// Other users may have a folder of that name, which then does not pass the check.
fn fallback() -> Option<PathBuf> {
    ownership::uid().map(|uid| std::env::temp_dir().join(format!("terra-auth-{uid}/trusted")))
}

fn record_name(path: &Path, digest: &FileDigest) -> String {
    let mut hash = Sha256::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    hash.update([0]);
    hash.update(&digest.0);
    hex::encode(hash.finalize())
}

fn write_record(folder: &Path, path: &Path, digest: &FileDigest) -> io::Result<()> {
    create_private_folder(folder)?;
    ownership::check(folder, Access::Change).map_err(io::Error::other)?;
    // The name alone counts. The text is for people, so half of it after a crash does no harm.
    let text = [digest.0.as_bytes(), b" ", path.as_os_str().as_encoded_bytes()].concat();
    fs::write(folder.join(record_name(path, digest)), text)
}

fn read_record(record: &Path) -> Option<TrustedFile> {
    let text = fs::read(record).ok()?;
    let (digest, path) = text.split_at_checked(64)?;
    let digest = FileDigest(String::from_utf8(digest.to_vec()).ok()?);
    let path = os_path(path.strip_prefix(b" ")?)?;
    (record.file_name()?.to_str()? == record_name(&path, &digest)).then_some(TrustedFile { path, digest })
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere a path may be no text")]
fn os_path(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn os_path(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
