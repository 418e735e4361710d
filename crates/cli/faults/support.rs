//! Shared by the runs: servers and databases with injectable faults, clients that count, and the verdict.

pub(crate) mod api;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod postgres;
pub(crate) mod provider;
pub(crate) mod proxy;
pub(crate) mod receiver;
pub(crate) mod report;
pub(crate) mod verdict;

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::time::sleep;

/// How long a client waits for a response.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// An address with a free port, for a server that starts later.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Polls until there is a result, for up to `timeout`.
pub(crate) async fn until<T>(
    what: &str,
    timeout: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if began.elapsed() > timeout {
            bail!("{what}: not within {timeout:?}");
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A quantile of a sorted list; 0.5 is the median.
pub(crate) fn quantile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * part) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Splitmix64: the same sequence for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A random pause between `least` and `most` milliseconds.
    pub(crate) fn pause(&mut self, least: u64, most: u64) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis(least + (mixed ^ (mixed >> 31)) % (most - least))
    }
}
