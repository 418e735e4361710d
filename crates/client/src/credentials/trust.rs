//! The credential files that the user of this machine trusts.
//!
//! A credential file may come from a repository or an archive. So its user must trust its current text before
//! it can name a program to run or an entry of the keyring, or decide where an admin token is sent. `terra-auth
//! env trust` stores the file's path and the SHA-256 of its text, and so does every command that writes a
//! credential file.
//!
//! The records are files in a folder below the user's state folder, one for each credential file. The name of a
//! record is the digest of path and text. A look-up therefore needs no parsing, and processes that add records
//! need no lock. The folder must pass [`ownership::check`]. On systems without a state folder,
//! [`TRUSTED_FILES`] lists digests of texts.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::ownership::{self, Access};

/// The variable with the SHA-256 digests of trusted credential files, separated by commas. Optional.
pub const TRUSTED_FILES: &str = "TERRA_AUTH_TRUSTED_FILES";

/// The SHA-256 of a credential file's text, as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest(String);

impl FileDigest {
    /// Returns the digest of this text.
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

/// Whether the user trusts a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The user trusts the current text of the file.
    Trusted,
    /// The user trusted another text at the same path.
    Changed,
    /// The user never trusted the file.
    Unknown,
}

/// A trusted file, and the digest of the trusted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedFile {
    /// The path, without symbolic links.
    pub path: PathBuf,
    /// The digest of the text.
    pub digest: FileDigest,
}

/// The store of trusted files.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    /// The state folder, and a folder below the folder for temporary files. The first that passes
    /// [`ownership::check`] is used.
    folders: Vec<PathBuf>,
    digests: Vec<String>,
}

impl TrustStore {
    /// Returns the store of the user who runs this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok();
        Self::of(&text)
    }

    /// Returns the store of a process with these variables: `XDG_STATE_HOME` or `HOME`, and [`TRUSTED_FILES`].
    ///
    /// If neither folder is usable, as in a container whose user has no home, the records are in the user's own
    /// folder below the folder for temporary files.
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

    /// Whether `file` is trusted with this digest.
    #[must_use]
    pub fn look_up(&self, file: &Path, digest: &FileDigest) -> Trust {
        if self.digests.contains(&digest.0) {
            return Trust::Trusted;
        }
        let Ok(path) = file.canonicalize() else { return Trust::Unknown };
        let name = record_name(&path, digest);
        let holds = |folder: &PathBuf| ownership::check(&folder.join(&name), Access::Change).is_ok();
        if self.usable_folders().iter().any(holds) {
            return Trust::Trusted;
        }
        if self.list().iter().any(|known| known.path == path) { Trust::Changed } else { Trust::Unknown }
    }

    /// Adds `file` with this digest, and removes the digests of its earlier texts.
    ///
    /// # Errors
    ///
    /// No folder is usable.
    pub fn add(&self, file: &Path, digest: &FileDigest) -> io::Result<()> {
        let path = file.canonicalize()?;
        let mut problem = io::Error::new(io::ErrorKind::NotFound, "this user has no state folder");
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

    /// Removes `file`. Returns whether a record trusted it.
    ///
    /// # Errors
    ///
    /// A record cannot be removed.
    pub fn remove(&self, file: &Path) -> io::Result<bool> {
        // A deleted file cannot be resolved, so its absolute path is used.
        let path = file.canonicalize().or_else(|_| std::path::absolute(file))?;
        self.remove_except(&path, None)
    }

    /// Lists the files that a record trusts, ordered by path.
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

    /// Returns only the state folder, if it is usable.
    fn usable_folders(&self) -> &[PathBuf] {
        match self.folders.first() {
            Some(first) if ownership::check(first, Access::Change).is_ok() => std::slice::from_ref(first),
            _ => &self.folders,
        }
    }

    fn records(&self) -> Vec<(PathBuf, TrustedFile)> {
        let entries = self.usable_folders().iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries.filter_map(|entry| Some((entry.path(), read_record(&entry.path())?))).collect()
    }
}

/// Another user may have created a folder of this name, but then it does not pass the check.
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
    // Only the name counts. The text is for people, so an incomplete text after a crash does no harm.
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
