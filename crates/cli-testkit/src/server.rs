use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::wait::until;

/// A server that is ready. It is killed when dropped.
pub struct Server {
    child: Child,
    stdout: ProcessOutput,
    stderr: ProcessOutput,
    /// The ready line.
    pub ready: Value,
}

/// The exit code of a stopped server, and how long it took to stop.
pub struct ExitResult {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// How long it took to stop.
    pub took: Duration,
}

impl Server {
    /// Starts a server that writes JSON, and waits until it is ready.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = ProcessOutput::by(child.stdout.take().unwrap());
        let stderr = ProcessOutput::by(child.stderr.take().unwrap());
        let mut server = Self { child, stdout, stderr, ready: Value::Null };
        server.ready = until("the server is ready", || {
            let exited = server.child.try_wait().unwrap();
            assert!(exited.is_none(), "the server exited: {exited:?}\n{}{}", server.stdout(), server.stderr());
            server.values().into_iter().find(|value| value["ready"] == true)
        });
        server
    }

    /// Its URL without a path.
    pub fn origin(&self) -> String {
        let url = self.ready.get("widget_url").or(self.ready.get("url"));
        url.unwrap().as_str().unwrap().trim_end_matches('/').to_owned()
    }

    /// The events that `dev` has shown so far.
    pub fn events(&self) -> Vec<Value> {
        self.values().into_iter().filter(|value| value["event_id"].is_string()).collect()
    }

    fn values(&self) -> Vec<Value> {
        // The last value may be incomplete.
        serde_json::Deserializer::from_str(&self.stdout()).into_iter().map_while(Result::ok).collect()
    }

    /// The standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// The standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends a signal, and waits until the server exits.
    pub fn stop(mut self, signal: Signal) -> ExitResult {
        let asked = Instant::now();
        self.signal(signal);
        let status: ExitStatus = until("the server exits", || self.child.try_wait().unwrap());
        ExitResult { code: status.code(), took: asked.elapsed() }
    }

    /// Kills it without a warning, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a process so far.
struct ProcessOutput(Arc<Mutex<String>>);

impl ProcessOutput {
    fn by(source: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&text);
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                let mut text = collected.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self(text)
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}
