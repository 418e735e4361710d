//! Scans every file of the folder that git does not ignore.

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
    secret_scanner::{MatchKind, ScanMatch, SecretScanner},
};

/// The findings in the files.
pub(crate) struct Tree {
    /// Sorted by file and line.
    pub(crate) matches: Vec<(PathBuf, ScanMatch)>,
    /// Whether the walk stopped at [`MAX_FILES`].
    pub(crate) truncated: bool,
}

/// Maximum number of files that are scanned.
pub(crate) const MAX_FILES: usize = 500_000;

/// Longer files are skipped, because they are generated.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Maximum number of findings that are reported per file.
const MAX_FINDINGS_PER_FILE: usize = 20;

/// Folders that are skipped, because they contain third-party or generated files.
const SKIPPED: [&str; 4] = [".git", "node_modules", "target", ".venv"];

/// Scans every file that is not ignored, on one thread per core. Symbolic links are not followed.
pub(crate) fn walk(scanner: &SecretScanner, env_files: &[EnvFile]) -> Tree {
    let (matches, files) = (Mutex::new(of_env_files(scanner, env_files)), AtomicUsize::new(0));
    let mut walk = WalkBuilder::new(".");
    walk.hidden(false).require_git(false).filter_entry(is_ours);
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            let Ok(entry) = entry else { return WalkState::Continue };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                return WalkState::Continue;
            }
            if files.fetch_add(1, Relaxed) >= MAX_FILES {
                return WalkState::Quit;
            }
            let found = scan_file(scanner, env_files, entry.path());
            if !found.is_empty() {
                matches.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
            }
            WalkState::Continue
        })
    });
    let mut matches = matches.into_inner().unwrap_or_else(PoisonError::into_inner);
    matches.sort_by(|(a, in_a), (b, in_b)| (a, in_a.line).cmp(&(b, in_b.line)));
    matches.dedup();
    Tree { matches, truncated: files.into_inner() > MAX_FILES }
}

fn is_ours(entry: &DirEntry) -> bool {
    !SKIPPED.iter().any(|name| entry.file_name() == *name)
}

fn scan_file(scanner: &SecretScanner, env_files: &[EnvFile], path: &Path) -> Vec<(PathBuf, ScanMatch)> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let covered = env_files::covers(env_files, path);
    let text = read(path).unwrap_or_default();
    let matters = |finding: &ScanMatch| !(covered && matches!(finding.key_match, MatchKind::Key { .. }));
    let findings = scanner.scan(path, &text).into_iter().filter(matters).take(MAX_FINDINGS_PER_FILE);
    findings.map(|finding| (path.to_owned(), finding)).collect()
}

/// The content of a text file. `None` for a binary file or one that is too long.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).ok()?;
    let is_text = !text.iter().take(8192).any(|byte| *byte == 0);
    Some(text).filter(|text| text.len() as u64 <= MAX_FILE_BYTES && is_text)
}

/// The findings in dotenv files, which the walk skips if git ignores them. Keys are no finding, because they belong
/// in these files.
fn of_env_files(scanner: &SecretScanner, env_files: &[EnvFile]) -> Vec<(PathBuf, ScanMatch)> {
    let of = |file: &EnvFile| {
        let path = PathBuf::from(&file.name);
        let findings = scanner.scan(&path, file.text.as_bytes()).into_iter();
        findings
            .filter(|finding| !matches!(finding.key_match, MatchKind::Key { .. }))
            .map(|finding| (path.clone(), finding))
            .collect::<Vec<_>>()
    };
    env_files.iter().flat_map(of).collect()
}
