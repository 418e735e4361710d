//! Records when the API last accepted each pair of keys, for `env list`.
//!
//! The record is a file in the user's state folder, `terra-auth/verified` below `$XDG_STATE_HOME`
//! or `~/.local/state`. It has one line for each pair of keys: a digest and an instant. Changed
//! keys have a new digest, so no old line matches them. Nothing else depends on the file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use terra_auth::credentials::{API_KEY, API_URL, DEV_ID, UnresolvedCredentials};

use crate::{
    app,
    credentials::{private_file, variable},
};

/// When there are more entries, the oldest are deleted.
const MAX_ENTRIES: usize = 100;

/// Records that the API accepted these keys just now. Ignores a state folder that cannot be written.
pub(crate) fn record(written: &UnresolvedCredentials) {
    if let Some(file) = file() {
        let _ = add(&file, &digest(written), app::now());
    }
}

/// When the API last accepted these keys, if it did.
pub(crate) fn last_verified(written: &UnresolvedCredentials) -> Option<Timestamp> {
    let (digest, text) = (digest(written), fs::read_to_string(file()?).ok()?);
    text.lines().find_map(|line| line.strip_prefix(&*digest)?.trim().parse().ok())
}

fn add(file: &Path, digest: &str, now: Timestamp) -> std::io::Result<()> {
    let before = fs::read_to_string(file).unwrap_or_default();
    let newest = format!("{digest} {now}");
    let others = before.lines().filter(|line| !line.starts_with(digest)).take(MAX_ENTRIES - 1);
    let lines: Vec<&str> = [&*newest].into_iter().chain(others).chain([""]).collect();
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    private_file::replace(file, &lines.join("\n"))
}

/// The digest of the keys as they are written. External references are not resolved, so no keyring
/// or program is called.
fn digest(written: &UnresolvedCredentials) -> String {
    let parts = [API_URL, DEV_ID, API_KEY].map(|key| written.text(key).unwrap_or_default());
    hex::encode(Sha256::digest(parts.join("\n")))
}

fn file() -> Option<PathBuf> {
    let folder = |name| variable::path(name).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("terra-auth/verified"))
}

#[cfg(test)]
mod tests {
    use super::{MAX_ENTRIES, add};

    #[test]
    fn the_newest_entries_come_first_and_the_oldest_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("terra-auth/verified");
        for n in (0..=MAX_ENTRIES).chain([7]) {
            add(&file, &format!("digest-{n:03}"), "2030-01-01T00:00:00Z".parse().unwrap()).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), MAX_ENTRIES);
        assert!(text.starts_with("digest-007 2030-01-01T00:00:00Z\ndigest-100 2030"), "{text}");
        assert!(!text.contains("digest-000"));
    }
}
