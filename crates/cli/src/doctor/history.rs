//! Searches the git history for keys, newest commits first, until a deadline.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use super::secret_scanner::{MatchKind, SecretScanner};
use crate::git;

/// The keys in the history.
#[derive(Default)]
pub(crate) struct History {
    /// Each key once per file, with the commit that added it last.
    pub(crate) keys: Vec<CommittedKey>,
    /// Whether the search stopped early, at the deadline or at the maximum number of keys.
    pub(crate) truncated: bool,
}

/// A key that was committed.
pub(crate) struct CommittedKey {
    pub(crate) commit: String,
    pub(crate) path: PathBuf,
    pub(crate) masked: String,
    pub(crate) what: String,
}

pub(crate) const HISTORY_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of bytes of one file in one commit that are searched.
const MAX_ADDITION_BYTES: usize = 1024 * 1024;

const MAX_KEYS: usize = 200;

/// Searches the lines that each commit added to this folder.
pub(crate) fn read(scanner: &SecretScanner) -> History {
    let Ok((mut git, stdout)) = log() else { return History::default() };
    let (sender, added) = mpsc::sync_channel(64);
    let reader = thread::spawn(move || additions(BufReader::new(stdout), &sender));
    let history = collect(scanner, &added, deadline());
    drop(added);
    // Fails if git has already exited.
    let _ = git.kill();
    let _ = git.wait();
    let _ = reader.join();
    history
}

fn deadline() -> Instant {
    Instant::now() + HISTORY_TIMEOUT
}

/// Starts `git log`. Git does not search for the keys itself, because every process can read its arguments.
fn log() -> io::Result<(Child, ChildStdout)> {
    let mut git = git::command();
    git.args(["-c", "core.quotePath=false", "log", "--all", "--patch", "--unified=0", "--no-color", "--no-renames"]);
    git.args(["--no-ext-diff", "--no-textconv", "--no-prefix", "--relative", "--format=commit %h", "--", "."]);
    let mut child = git.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, stdout))
}

/// The lines that one commit added to one file.
#[derive(Default)]
struct Addition {
    commit: String,
    path: PathBuf,
    text: Vec<u8>,
}

/// Splits the log into additions, until it ends or the receiver is dropped.
fn additions(mut log: BufReader<ChildStdout>, to: &SyncSender<Addition>) -> io::Result<()> {
    let (mut now, mut line) = (Addition::default(), Vec::new());
    let mut in_hunk = false;
    loop {
        line.clear();
        let ended = log.read_until(b'\n', &mut line)? == 0;
        let commit = line.strip_prefix(b"commit ");
        if (ended || commit.is_some() || line.starts_with(b"diff ")) && !now.text.is_empty() {
            let sent =
                Addition { commit: now.commit.clone(), path: now.path.clone(), text: std::mem::take(&mut now.text) };
            if to.send(sent).is_err() {
                return Ok(());
            }
        }
        match &line[..] {
            [] => return Ok(()),
            [b'@', b'@', ..] => in_hunk = true,
            [b'+', rest @ ..] if in_hunk && now.text.len() < MAX_ADDITION_BYTES => now.text.extend_from_slice(rest),
            [b'+', b'+', b'+', b' ', path @ ..] if !in_hunk => {
                now.path = PathBuf::from(String::from_utf8_lossy(path).trim_end());
            }
            [b'd', b'i', b'f', b'f', b' ', ..] => in_hunk = false,
            _ => {
                if let Some(commit) = commit {
                    (now.commit, in_hunk) = (String::from_utf8_lossy(commit).trim_end().to_owned(), false);
                }
            }
        }
    }
}

fn collect(scanner: &SecretScanner, added: &Receiver<Addition>, deadline: Instant) -> History {
    let mut history = History::default();
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return History { truncated: true, ..history };
        }
        match added.recv_timeout(rest) {
            Ok(_) if history.keys.len() >= MAX_KEYS => return History { truncated: true, ..history },
            Ok(addition) => history.add(scanner, &addition),
            Err(RecvTimeoutError::Timeout) => return History { truncated: true, ..history },
            Err(RecvTimeoutError::Disconnected) => return history,
        }
    }
}

impl History {
    fn add(&mut self, scanner: &SecretScanner, addition: &Addition) {
        let Addition { commit, path, text } = addition;
        for found in scanner.scan(path, text) {
            let MatchKind::Key { masked, what, .. } = found.key_match else { continue };
            if !self.keys.iter().any(|known| known.path == *path && known.masked == masked) {
                self.keys.push(CommittedKey { commit: commit.clone(), path: path.clone(), masked, what });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    use super::{Addition, HISTORY_TIMEOUT, SecretScanner, collect};

    #[test]
    fn a_history_is_cut_at_the_deadline() {
        let (sender, added) = mpsc::sync_channel(1);
        sender.send(Addition::default()).unwrap();
        let scanner = SecretScanner::new(&[]).unwrap();
        assert!(collect(&scanner, &added, Instant::now()).truncated);
        assert!(collect(&scanner, &added, Instant::now() + Duration::from_millis(10)).truncated);
        drop(sender);
        assert!(!collect(&scanner, &added, Instant::now() + HISTORY_TIMEOUT).truncated);
    }
}
