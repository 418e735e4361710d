use anyhow::Context as _;

use crate::steps::Steps;

/// Each bench, and the crate that keeps it. It measures its own baseline in the same run, and prints the ratio.
const BENCHES: [(&str, &str); 4] = [
    ("mint", "terra-auth-server"),
    ("session", "terra-auth-store"),
    ("verify", "terra-auth-webhook"),
    ("start", "terra-auth-cli"),
];

/// Runs every bench.
pub(crate) fn all() -> anyhow::Result<()> {
    BENCHES.iter().try_for_each(run)
}

/// Runs one bench.
pub(crate) fn one(name: &str) -> anyhow::Result<()> {
    let names: Vec<_> = BENCHES.iter().map(|bench| bench.0).collect();
    let bench = BENCHES.iter().find(|bench| bench.0 == name);
    run(bench.with_context(|| format!("there is no bench {name}; there are {}", names.join(", ")))?)
}

fn run((name, package): &(&str, &str)) -> anyhow::Result<()> {
    Steps::default().run(name, &format!("cargo bench -p {package} --bench {name}"))
}
