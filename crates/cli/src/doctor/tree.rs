//! Every file of the folder that git would keep.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::{
    env_files::{self, EnvFile},
    eye::{Eye, Seen, Sight},
};

/// What the files show.
pub(crate) struct Tree {
    /// By file and line.
    pub(crate) seen: Vec<(PathBuf, Seen)>,
    /// Whether there were more files than are looked at.
    pub(crate) cut: bool,
}

/// Files that are looked at.
pub(crate) const MOST_FILES: usize = 500_000;

/// What is longer was not written by hand.
const LONGEST: u64 = 1024 * 1024;

/// What is seen in one file; more says nothing new.
const MOST_SEEN: usize = 20;

/// Folders of other people's files.
const SKIPPED: [&str; 4] = [".git", "node_modules", "target", ".venv"];

/// Looks at every file that is not ignored, on as many threads as there are cores. Links are not followed.
pub(crate) fn walk(eye: &Eye, env_files: &[EnvFile]) -> Tree {
    let (seen, files) = (Mutex::new(of_env_files(eye, env_files)), AtomicUsize::new(0));
    let mut walk = WalkBuilder::new(".");
    walk.hidden(false).require_git(false).filter_entry(is_ours);
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            let Ok(entry) = entry else { return WalkState::Continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                return WalkState::Continue;
            }
            if files.fetch_add(1, Relaxed) >= MOST_FILES {
                return WalkState::Quit;
            }
            let found = look(eye, env_files, entry.path());
            if !found.is_empty() {
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
            }
            WalkState::Continue
        })
    });
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.sort_by(|(a, in_a), (b, in_b)| (a, in_a.line).cmp(&(b, in_b.line)));
    seen.dedup();
    Tree { seen, cut: files.into_inner() > MOST_FILES }
}

fn is_ours(entry: &DirEntry) -> bool {
    !SKIPPED.iter().any(|name| entry.file_name() == *name)
}

fn look(eye: &Eye, env_files: &[EnvFile], path: &Path) -> Vec<(PathBuf, Seen)> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let covered = env_files::covers(env_files, path);
    let text = read(path).unwrap_or_default();
    let matters = |seen: &Seen| !(covered && matches!(seen.sight, Sight::Key { .. }));
    let seen = eye.look(path, &text).into_iter().filter(matters).take(MOST_SEEN);
    seen.map(|seen| (path.to_owned(), seen)).collect()
}

/// The text of a file, unless it is long or none.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST + 1).read_to_end(&mut text).ok()?;
    let is_text = !text.iter().take(8192).any(|byte| *byte == 0);
    Some(text).filter(|text| text.len() as u64 <= LONGEST && is_text)
}

/// The walk passes ignored files by, but these count; their keys stand where they should.
fn of_env_files(eye: &Eye, env_files: &[EnvFile]) -> Vec<(PathBuf, Seen)> {
    let of = |file: &EnvFile| {
        let path = PathBuf::from(&file.name);
        let seen = eye.look(&path, file.text.as_bytes()).into_iter();
        seen.filter(|seen| !matches!(seen.sight, Sight::Key { .. }))
            .map(|seen| (path.clone(), seen))
            .collect::<Vec<_>>()
    };
    env_files.iter().flat_map(of).collect()
}
