//! When the API last accepted which keys, so that `env list` can tell.
//!
//! A file in the user's state folder, `terra-auth/verified` below `$XDG_STATE_HOME` or `~/.local/state`: one line for each
//! pair of keys, a digest and an instant. Keys that were changed since have no line. Losing the file loses nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use terra_auth::credentials::{API_KEY, API_URL, DEV_ID, Written};

use crate::{app, private_file, variable};

/// The oldest beyond these are forgotten.
const MOST: usize = 100;

/// Notes that the API accepted these keys just now. A state folder that cannot be written is no failure.
pub(crate) fn remember(written: &Written) {
    if let Some(file) = file() {
        let _ = add(&file, &digest(written), app::now());
    }
}

/// When the API last accepted these keys, if it did.
pub(crate) fn last(written: &Written) -> Option<Timestamp> {
    let (digest, text) = (digest(written), fs::read_to_string(file()?).ok()?);
    text.lines().find_map(|line| line.strip_prefix(&*digest)?.trim().parse().ok())
}

fn add(file: &Path, digest: &str, now: Timestamp) -> std::io::Result<()> {
    let before = fs::read_to_string(file).unwrap_or_default();
    let newest = format!("{digest} {now}");
    let others = before.lines().filter(|line| !line.starts_with(digest)).take(MOST - 1);
    let lines: Vec<&str> = [&*newest].into_iter().chain(others).chain([""]).collect();
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    private_file::replace(file, &lines.join("\n"))
}

/// Of the keys as they are written, so that nobody has to be asked for a secret that is kept elsewhere.
fn digest(written: &Written) -> String {
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
    use super::{MOST, add};

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("terra-auth/verified");
        for n in (0..=MOST).chain([7]) {
            add(&file, &format!("digest-{n:03}"), "2030-01-01T00:00:00Z".parse().unwrap()).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), MOST);
        assert!(text.starts_with("digest-007 2030-01-01T00:00:00Z\ndigest-100 2030"), "{text}");
        assert!(!text.contains("digest-000"));
    }
}
