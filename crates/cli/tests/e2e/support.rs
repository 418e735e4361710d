//! What the tests share: a folder to run the command in, the servers it starts, and who calls them.

use std::{
    thread,
    time::{Duration, Instant},
};

pub(crate) mod device;
pub(crate) mod folder;
pub(crate) mod http;
pub(crate) mod receiver;
pub(crate) mod schema;
pub(crate) mod server;

/// Longer than anything takes that works, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer, for as long as [`PATIENCE`] lasts.
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_in(PATIENCE, what, ask)
}

/// The same with another patience.
pub(crate) fn until_in<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < patience, "{what}: not within {patience:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
