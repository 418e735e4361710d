//! What was ever committed, newest first, for as long as there is time.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use super::eye::{Eye, Sight};
use crate::git;

/// The keys in the history.
#[derive(Default)]
pub(crate) struct History {
    /// Each key once for each file, where it was added last.
    pub(crate) keys: Vec<Committed>,
    /// Whether time ran out, or there was too much to tell.
    pub(crate) cut: bool,
}

/// A key that was committed.
pub(crate) struct Committed {
    pub(crate) commit: String,
    pub(crate) path: PathBuf,
    pub(crate) masked: String,
    pub(crate) what: String,
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of one file in one commit that are looked at.
const LONGEST: usize = 1024 * 1024;

const MOST_KEYS: usize = 200;

/// Reads what each commit of this folder added.
pub(crate) fn read(eye: &Eye) -> History {
    let Ok((mut git, stdout)) = log() else { return History::default() };
    let (sender, added) = mpsc::sync_channel(64);
    let reader = thread::spawn(move || additions(BufReader::new(stdout), &sender));
    let history = collect(eye, &added, deadline());
    drop(added);
    // It may have ended by itself.
    let _ = git.kill();
    let _ = git.wait();
    let _ = reader.join();
    history
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// The keys are looked for here and not by git, whose arguments every process on the machine can read.
fn log() -> io::Result<(Child, ChildStdout)> {
    let mut git = git::command();
    git.args(["-c", "core.quotePath=false", "log", "--all", "--patch", "--unified=0", "--no-color", "--no-renames"]);
    git.args(["--no-ext-diff", "--no-textconv", "--no-prefix", "--relative", "--format=commit %h", "--", "."]);
    let mut child = git.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, stdout))
}

/// What one commit added to one file.
#[derive(Default)]
struct Addition {
    commit: String,
    path: PathBuf,
    text: Vec<u8>,
}

/// Cuts the log into additions, until it ends or nobody listens.
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
            [b'+', rest @ ..] if in_hunk && now.text.len() < LONGEST => now.text.extend_from_slice(rest),
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

fn collect(eye: &Eye, added: &Receiver<Addition>, deadline: Instant) -> History {
    let mut history = History::default();
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return History { cut: true, ..history };
        }
        match added.recv_timeout(rest) {
            Ok(_) if history.keys.len() >= MOST_KEYS => return History { cut: true, ..history },
            Ok(addition) => history.add(eye, &addition),
            Err(RecvTimeoutError::Timeout) => return History { cut: true, ..history },
            Err(RecvTimeoutError::Disconnected) => return history,
        }
    }
}

impl History {
    fn add(&mut self, eye: &Eye, addition: &Addition) {
        let Addition { commit, path, text } = addition;
        for seen in eye.look(path, text) {
            let Sight::Key { masked, what, .. } = seen.sight else { continue };
            if !self.keys.iter().any(|known| known.path == *path && known.masked == masked) {
                self.keys.push(Committed { commit: commit.clone(), path: path.clone(), masked, what });
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

    use super::{Addition, Eye, PATIENCE, collect};

    #[test]
    fn a_history_that_does_not_end_is_cut() {
        let (sender, added) = mpsc::sync_channel(1);
        sender.send(Addition::default()).unwrap();
        let eye = Eye::new(&[]).unwrap();
        assert!(collect(&eye, &added, Instant::now()).cut);
        assert!(collect(&eye, &added, Instant::now() + Duration::from_millis(10)).cut);
        drop(sender);
        assert!(!collect(&eye, &added, Instant::now() + PATIENCE).cut);
    }
}
