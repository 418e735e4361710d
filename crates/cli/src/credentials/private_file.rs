//! Atomic writes of files that only their owner may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;
use secrecy::SecretString;
use terra_auth_model::clock::{Entropy, SystemEntropy};

/// Creates or replaces a file atomically. A reader sees either the old or the new text, even after
/// a power cut.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The name matches the pattern that git ignores.
    let mut file = tempfile::Builder::new().prefix(".env.terra.").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // Makes the rename durable. If the folder cannot be opened, this is left to the file system.
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// Creates a folder that only its owner may enter, unless it exists.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Nothing in it belongs in a repository.
    fs::write(path.join(".gitignore"), "*\n")
}

/// Creates an empty file, unless it exists.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Restricts a file to its owner.
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

pub(crate) fn random_hex() -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    hex::encode(entropy.bytes::<32>())
}

/// Reads a secret of 64 hex digits from a file. If the file does not exist, creates it, readable by
/// its owner only.
pub(crate) fn read_or_create_secret(path: &Path) -> anyhow::Result<SecretString> {
    if !path.exists() {
        crate::credentials::private_file::replace(path, &format!("{}\n", random_hex()))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    Ok(text.into())
}
