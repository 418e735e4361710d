//! Keeps credential files out of git.

use std::{
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

pub(crate) fn standing(file: &str) -> Standing {
    if !says_yes(&["rev-parse", "--show-toplevel"]) {
        Standing::NoRepository
    } else if says_yes(&["ls-files", "--error-unmatch", "--", file]) {
        Standing::Tracked
    } else if says_yes(&["check-ignore", "--quiet", "--", file]) {
        Standing::Ignored
    } else {
        Standing::NotIgnored
    }
}

/// Adds a line to the working directory's `.gitignore`, in the style of those that are there.
pub(crate) fn ignore() -> io::Result<()> {
    let path = Path::new(".gitignore");
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { line_break };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{before}{PATTERN}{line_break}").as_bytes())
}

fn says_yes(args: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}
