//! Child processes of the bench, and plain HTTP requests to them.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a program may take to start.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A program that runs until this is dropped. Its standard error is inherited.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        let process = command.stdin(Stdio::null()).spawn();
        Self(process.unwrap_or_else(|error| panic!("could not start {}: {error}", program.display())))
    }

    /// Starts a program that writes a JSON value when it is ready, and reads the value.
    pub(crate) fn start_with_ready_value(command: &mut Command) -> (Self, Value) {
        let mut process = Self::start(command.stdout(Stdio::piped()));
        let said = serde_json::Deserializer::from_reader(process.0.stdout.take().unwrap());
        let ready = said.into_iter().next().expect("the program writes a value when it is ready").unwrap();
        (process, ready)
    }
}

impl Drop for Process {
    /// Sends SIGTERM, because a killed program may leave its workers behind.
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

/// An address at which nothing listens.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Sends a POST request with an additional header, and retries until the server listens. Returns
/// the complete response.
pub(crate) fn post(address: SocketAddr, path: &str, header: &str) -> String {
    let start = Instant::now();
    loop {
        match try_post(address, path, header) {
            Ok(answer) if !answer.is_empty() => return answer,
            outcome => assert!(start.elapsed() < TIMEOUT, "no response from {address}: {outcome:?}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn try_post(address: SocketAddr, path: &str, header: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "POST {path} HTTP/1.0\r\nhost: {address}\r\n{header}\r\ncontent-length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
