use anyhow::Context as _;

use crate::{say::say, steps::Steps};

/// Each measures its own baseline in the same run and prints the ratio. They lie in the `benches` of the crates whose
/// promise they check.
const BENCHES: [&str; 4] = ["mint", "session", "verify", "start"];

/// Runs every bench, also after one that failed.
pub(crate) fn all() -> anyhow::Result<()> {
    for name in BENCHES {
        if let Err(error) = run(name) {
            say(&format!("{error:#}"));
        }
    }
    Ok(())
}

/// Runs one bench.
pub(crate) fn one(name: &str) -> anyhow::Result<()> {
    let name = BENCHES.iter().find(|bench| **bench == name);
    run(name.with_context(|| format!("there is no such bench; there are {}", BENCHES.join(", ")))?)
}

/// For the whole workspace, so that Cargo chooses the same features for all, and builds everything once. One bench has
/// ten thousand connections open.
fn run(name: &str) -> anyhow::Result<()> {
    let line = format!("ulimit -n $(ulimit -H -n) && cargo bench --workspace --bench {name}");
    Steps::default().run(name, &line)
}
