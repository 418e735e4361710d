use anyhow::bail;

use crate::steps::Steps;

/// Starts the fault runs of `crates/cli/faults`, which parse their own names and options. Uses a debug build of the complete
/// workspace, so that Cargo selects the same features as for the tests.
pub(crate) fn faults(words: &[&str]) -> anyhow::Result<()> {
    if let Some(unknown) = words.iter().find(|word| !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')) {
        bail!("{unknown} is not the name of a fault run; `cargo xtask faults --list` lists them");
    }
    let line = format!("cargo test --quiet --workspace --bench faults -- {}", words.join(" "));
    Steps::default().run("fault runs", &line)
}
