//! Waits that have an end.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

/// More than enough for every wait, even on a busy machine.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Polls until there is a result, for up to [`TIMEOUT`].
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_in(TIMEOUT, what, ask)
}

/// Polls until there is a result, for up to `timeout`.
pub fn until_in<T>(timeout: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < timeout, "{what}: not within {timeout:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The URL of an API at which no process listens.
pub fn unreachable_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v2", listener.local_addr().unwrap())
}
