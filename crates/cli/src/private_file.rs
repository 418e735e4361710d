//! Files that only their owner may read, written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Replaces a file or makes it. A reader sees the old text or the new, after a power cut too.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The name falls under the pattern that git ignores.
    let mut file = tempfile::Builder::new().prefix(".env.terra.").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself; where a folder cannot be opened, the file system does it by itself.
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// Makes a folder that only its owner may enter, unless it is there.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Nothing of it belongs into a repository.
    fs::write(path.join(".gitignore"), "*\n")
}

/// Makes an empty file, unless it is there.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Lets only its owner read a file.
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
