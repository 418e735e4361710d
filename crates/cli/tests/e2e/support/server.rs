use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::until;

/// A server that is ready. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    stdout: Written,
    stderr: Written,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

/// How a server ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) took: Duration,
}

impl Server {
    /// Starts a server that writes JSON, and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Written::by(child.stdout.take().unwrap());
        let stderr = Written::by(child.stderr.take().unwrap());
        let mut server = Self { child, stdout, stderr, ready: Value::Null };
        server.ready = until("the server is ready", || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}{}", server.stdout(), server.stderr());
            server.values().into_iter().find(|value| value["ready"] == true)
        });
        server
    }

    /// Where it listens, without a path.
    pub(crate) fn origin(&self) -> String {
        let url = self.ready.get("widget_url").or(self.ready.get("url"));
        url.unwrap().as_str().unwrap().trim_end_matches('/').to_owned()
    }

    /// The events that `dev` has shown so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.values().into_iter().filter(|value| value["delivery_id"].is_string()).collect()
    }

    fn values(&self) -> Vec<Value> {
        // The last one may be half written.
        serde_json::Deserializer::from_str(&self.stdout()).into_iter().map_while(Result::ok).collect()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to end, and waits.
    pub(crate) fn end(mut self, signal: Signal) -> Ended {
        let asked = Instant::now();
        self.signal(signal);
        let status: ExitStatus = until("the server ends", || self.child.try_wait().unwrap());
        Ended { code: status.code(), took: asked.elapsed() }
    }

    /// Kills it without a warning, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has written so far.
struct Written(Arc<Mutex<String>>);

impl Written {
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
