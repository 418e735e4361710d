use anyhow::bail;

use crate::steps::Steps;

/// The benches. Each measures its own baseline in the same run and prints the ratio. It is in the `benches` folder of the crate
/// whose numbers it checks.
const BENCHES: [&str; 7] = ["gateway", "mint", "refresh", "session", "start", "verify", "webhooks"];

/// Runs the named benches, or all benches without names.
pub(crate) fn bench(names: &[&str]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !BENCHES.contains(name)) {
        bail!("there is no bench {unknown}; there are {}", BENCHES.join(", "));
    }
    let chosen = if names.is_empty() { &BENCHES } else { names };
    chosen.iter().try_for_each(|name| run(name))
}

/// Builds the complete workspace, so that Cargo unifies the features and builds each crate once. Raises the limit of open files,
/// because one bench opens 10,000 connections.
fn run(name: &str) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    if name == "gateway" {
        steps.run("what the gateway is measured beside", "tests/bench/setup.sh")?;
    }
    let line = format!("ulimit -n $(ulimit -H -n) && cargo bench --workspace --bench {name}");
    steps.run(name, &line)
}
