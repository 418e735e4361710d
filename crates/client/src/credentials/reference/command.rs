use std::{
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use super::ReferenceError;

/// Long enough for a vault that calls its server, and short enough for the waiting user.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// No secret is longer. Further output is not read.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

/// Runs a program without a shell and without standard input. If it succeeds, returns the first line of its output.
pub(super) fn first_line(words: &[String], folder: Option<&Path>, timeout: Duration) -> Result<String, ReferenceError> {
    let deadline = Instant::now() + timeout;
    let program = words.first().map_or("", |word| word).to_owned();
    let late = |program| ReferenceError::CommandTimeout { program, seconds: timeout.as_secs() };
    let mut child = start(&program, words, folder)?;
    let (output, remarks) = (read(child.stdout.take()), read(child.stderr.take()));
    let Some(status) = wait_or_kill(&mut child, deadline) else { return Err(late(program)) };
    // A process that it started may still have the pipe open.
    let Some(output) = within(&output, deadline) else { return Err(late(program)) };
    let value = output.lines().next().unwrap_or_default().trim();
    if !status.success() {
        let hint = hint(&within(&remarks, deadline).unwrap_or_default(), value);
        return Err(ReferenceError::Failed { program, status: in_words(status), hint });
    }
    if value.is_empty() || value.contains(char::REPLACEMENT_CHARACTER) || output.len() as u64 >= MAX_OUTPUT_BYTES {
        return Err(ReferenceError::UnusableOutput { program });
    }
    Ok(value.to_owned())
}

fn start(program: &str, words: &[String], folder: Option<&Path>) -> Result<Child, ReferenceError> {
    let not_started = |source| ReferenceError::NotStarted { program: program.to_owned(), source };
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let mut command = Command::new(program);
    if let Some(folder) = folder {
        let folder = folder.canonicalize().map_err(not_started)?;
        // The folder for a relative program depends on the platform, so the path is made absolute.
        if program.contains('/') {
            command = Command::new(folder.join(program));
        }
        command.current_dir(folder);
    }
    command.args(words.iter().skip(1)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(not_started)
}

/// Reads a pipe to its end on a separate thread, because a full pipe would block the program.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // The bytes before an error count. After the deadline there is no receiver.
        let _ = pipe.map(|pipe| pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes));
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn within(receiver: &Receiver<String>, deadline: Instant) -> Option<String> {
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Returns the child's exit status, or `None` if it was killed at the deadline.
fn wait_or_kill(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(_) => break,
        }
    }
    // Fails if the child has just exited.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Returns the last line of standard error: bounded, and empty if it contains the value.
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
    fn without_a_value_the_error_names_the_program() {
        let unusable = "sh returned no usable value: its first line must be the value";
        for script in ["true", "echo; echo a-key", r"printf '\377\n'"] {
            assert_eq!(run(script).unwrap_err(), unusable, "{script}");
        }
        assert!(run("yes | head -c 70000").is_err());
        let missing = first_line(&["no-such-program".to_owned()], None, Duration::from_secs(1)).unwrap_err();
        assert_eq!(missing.to_string(), "could not run no-such-program");
    }

    #[test]
    fn a_failure_shows_the_last_line_of_standard_error_but_never_the_value() {
        assert_eq!(
            run("echo a-key; echo one >&2; printf '\\033[31mnot signed in\\n' >&2; exit 3").unwrap_err(),
            "sh failed (exit code 3): [31mnot signed in; run it manually to see why"
        );
        let told = run("echo a-key; echo it is a-key >&2; exit 1").unwrap_err();
        assert_eq!(told, "sh failed (exit code 1); run it manually to see why");
        assert!(run("kill -9 $$").unwrap_err().contains("signal: 9"));
    }

    #[test]
    fn a_command_is_killed_after_the_timeout() {
        for script in ["sleep 20", "echo a-key; exec sleep 20", "sleep 20 & echo a-key"] {
            let began = Instant::now();
            let late = "sh did not answer within 1 s; run it manually: it may be waiting to be unlocked";
            assert_eq!(run(script).unwrap_err(), late, "{script}");
            assert!(began.elapsed() < Duration::from_secs(4));
        }
    }
}
