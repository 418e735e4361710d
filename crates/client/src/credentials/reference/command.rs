use std::{
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use super::ReferenceError;

/// Enough for a vault that asks its server, short enough for whoever waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// No secret is longer; what follows is not read.
const LONGEST: u64 = 64 * 1024;

/// Runs a program without a shell and without standard input; the first line that it writes, once it has ended well.
pub(super) fn first_line(
    words: &[String],
    folder: Option<&Path>,
    patience: Duration,
) -> Result<String, ReferenceError> {
    let deadline = Instant::now() + patience;
    let program = words.first().map_or("", |word| word).to_owned();
    let late = |program| ReferenceError::Late { program, seconds: patience.as_secs() };
    let mut child = start(&program, words, folder)?;
    let (output, remarks) = (read(child.stdout.take()), read(child.stderr.take()));
    let Some(status) = ended(&mut child, deadline) else { return Err(late(program)) };
    // Whoever it started may still hold the pipe.
    let Some(output) = within(&output, deadline) else { return Err(late(program)) };
    let value = output.lines().next().unwrap_or_default().trim();
    if !status.success() {
        let hint = hint(&within(&remarks, deadline).unwrap_or_default(), value);
        return Err(ReferenceError::Failed { program, status: in_words(status), hint });
    }
    if value.is_empty() || value.contains(char::REPLACEMENT_CHARACTER) || output.len() as u64 >= LONGEST {
        return Err(ReferenceError::Unusable { program });
    }
    Ok(value.to_owned())
}

fn start(program: &str, words: &[String], folder: Option<&Path>) -> Result<Child, ReferenceError> {
    let not_started = |source| ReferenceError::NotStarted { program: program.to_owned(), source };
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let mut command = Command::new(program);
    if let Some(folder) = folder {
        let folder = folder.canonicalize().map_err(not_started)?;
        // Which folder a relative program is looked for in depends on the platform, unless it is told.
        if program.contains('/') {
            command = Command::new(folder.join(program));
        }
        command.current_dir(folder);
    }
    command.args(words.iter().skip(1)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(not_started)
}

/// Reads a pipe to its end on a thread of its own, so that a full pipe holds nobody up.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error counts; nobody listens after the deadline.
        let _ = pipe.map(|pipe| pipe.take(LONGEST).read_to_end(&mut bytes));
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn within(receiver: &Receiver<String>, deadline: Instant) -> Option<String> {
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// How the child ended, or nothing if it had to be ended.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(_) => break,
        }
    }
    // It may have ended by itself just now.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The last remark on one line, bounded, without the value.
fn hint(remarks: &str, value: &str) -> String {
    let last = remarks.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let shown: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    let tells = !value.is_empty() && last.contains(value);
    if shown.is_empty() || tells { String::new() } else { format!(": {shown}") }
}

fn in_words(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::first_line;

    fn run(script: &str) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        first_line(&words, None, Duration::from_secs(1)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_line_is_the_value() {
        assert_eq!(run("echo a-key; echo more; echo remark >&2").unwrap(), "a-key");
        assert_eq!(run("printf 'a-key\\r\\n'").unwrap(), "a-key");
        assert_eq!(run("cat; echo nothing-on-stdin").unwrap(), "nothing-on-stdin");
    }

    #[test]
    fn no_value_is_an_error_that_names_the_program() {
        let unusable = "sh answered nothing that can be used: its first line must be the value";
        for script in ["true", "echo; echo a-key", r"printf '\377\n'"] {
            assert_eq!(run(script).unwrap_err(), unusable, "{script}");
        }
        assert!(run("yes | head -c 70000").is_err());
        let missing = first_line(&["no-such-program".to_owned()], None, Duration::from_secs(1)).unwrap_err();
        assert_eq!(missing.to_string(), "could not run no-such-program");
    }

    #[test]
    fn a_failure_shows_the_last_remark_but_never_the_value() {
        assert_eq!(
            run("echo a-key; echo one >&2; printf '\\033[31mnot signed in\\n' >&2; exit 3").unwrap_err(),
            "sh failed (exit code 3): [31mnot signed in; run it by itself to see why"
        );
        let told = run("echo a-key; echo it is a-key >&2; exit 1").unwrap_err();
        assert_eq!(told, "sh failed (exit code 1); run it by itself to see why");
        assert!(run("kill -9 $$").unwrap_err().contains("signal: 9"));
    }

    #[test]
    fn whoever_takes_too_long_is_not_waited_for() {
        for script in ["sleep 20", "echo a-key; exec sleep 20", "sleep 20 & echo a-key"] {
            let began = Instant::now();
            let late = "sh did not answer within 1 s; run it by itself: it may be waiting to be unlocked";
            assert_eq!(run(script).unwrap_err(), late, "{script}");
            assert!(began.elapsed() < Duration::from_secs(4));
        }
    }
}
