use anyhow::bail;

use crate::steps::Steps;

/// Each measures its own baseline in the same run and prints the ratio. They lie in the `benches` of the crates whose
/// promises they check.
const BENCHES: [&str; 7] = ["gateway", "mint", "refresh", "session", "start", "verify", "webhooks"];

/// Runs the benches of these names; without names, all.
pub(crate) fn bench(names: &[&str]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !BENCHES.contains(name)) {
        bail!("there is no bench {unknown}; there are {}", BENCHES.join(", "));
    }
    let chosen = if names.is_empty() { &BENCHES } else { names };
    chosen.iter().try_for_each(|name| run(name))
}

/// For the whole workspace, so that Cargo chooses the same features for all and builds everything once. One bench opens
/// ten thousand connections.
fn run(name: &str) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    if name == "gateway" {
        steps.run("what the gateway is measured beside", "tests/bench/setup.sh")?;
    }
    let line = format!("ulimit -n $(ulimit -H -n) && cargo bench --workspace --bench {name}");
    steps.run(name, &line)
}
