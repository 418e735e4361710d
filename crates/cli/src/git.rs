//! Keeps credential files out of git.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

/// What every credential file is called.
const PATTERN: &str = ".env.terra.*";

/// Whether git would carry `file`, which stands in the working directory, along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no git, or no repository here.
    NoRepository,
    /// The file is in the index, and so perhaps in the history.
    Tracked,
    Ignored,
    NotIgnored,
}

pub(crate) fn standing(file: impl AsRef<OsStr>) -> Standing {
    let file = file.as_ref();
    if !says_yes(&["rev-parse", "--show-toplevel"], None) {
        Standing::NoRepository
    } else if says_yes(&["ls-files", "--error-unmatch", "--"], Some(file)) {
        Standing::Tracked
    } else if says_yes(&["check-ignore", "--quiet", "--"], Some(file)) {
        Standing::Ignored
    } else {
        Standing::NotIgnored
    }
}

/// Adds a line to a folder's `.gitignore`, in the style of those that are there.
pub(crate) fn ignore(folder: &Path) -> io::Result<()> {
    let path = folder.join(".gitignore");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { line_break };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{before}{PATTERN}{line_break}").as_bytes())
}

/// A git that runs no program which the repository's own configuration names, and fetches nothing: the repository may come
/// from an archive.
pub(crate) fn command() -> Command {
    let mut git = Command::new("git");
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "log.showSignature=false"] {
        git.args(["-c", setting]);
    }
    git.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none").env("GIT_OPTIONAL_LOCKS", "0");
    git.stdin(Stdio::null()).stderr(Stdio::null());
    git
}

fn says_yes(args: &[&str], file: Option<&OsStr>) -> bool {
    command().args(args).args(file).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
