//! Keeps credential files out of git.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

/// Matches the name of every credential file.
const CREDENTIAL_FILE_PATTERN: &str = ".env.terra.*";

/// Whether git tracks or would add a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GitStatus {
    /// There is no git, or no repository here.
    NoRepository,
    /// The file is in the index, and possibly in the history.
    Tracked,
    Ignored,
    NotIgnored,
}

pub(crate) fn status(file: impl AsRef<OsStr>) -> GitStatus {
    let file = file.as_ref();
    if !succeeds(&["rev-parse", "--show-toplevel"], None) {
        GitStatus::NoRepository
    } else if succeeds(&["ls-files", "--error-unmatch", "--"], Some(file)) {
        GitStatus::Tracked
    } else if succeeds(&["check-ignore", "--quiet", "--"], Some(file)) {
        GitStatus::Ignored
    } else {
        GitStatus::NotIgnored
    }
}

/// Adds a line to a folder's `.gitignore`, with the same line breaks as the existing lines.
pub(crate) fn ignore(folder: &Path) -> io::Result<()> {
    let path = folder.join(".gitignore");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { line_break };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{before}{CREDENTIAL_FILE_PATTERN}{line_break}").as_bytes())
}

/// A `git` command that runs no program from the repository's own configuration and fetches
/// nothing, because the repository may come from an untrusted archive.
pub(crate) fn command() -> Command {
    let mut git = Command::new("git");
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "log.showSignature=false"] {
        git.args(["-c", setting]);
    }
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null()).stderr(Stdio::null());
    git
}

fn succeeds(args: &[&str], file: Option<&OsStr>) -> bool {
    command().args(args).args(file).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
