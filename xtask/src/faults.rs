use anyhow::bail;

use crate::steps::Steps;

/// Starts the fault runs of `crates/cli/faults`, which know their names and options. `cargo test` builds them and the
/// command in debug, and for the whole workspace, so that Cargo chooses the same features as for the tests.
pub(crate) fn faults(words: &[&str]) -> anyhow::Result<()> {
    if let Some(strange) = words.iter().find(|word| !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')) {
        bail!("{strange} is no name of a run; `cargo xtask faults --list` shows them");
    }
    let line = format!("cargo test --quiet --workspace --bench faults -- {}", words.join(" "));
    Steps::default().run("fault runs", &line)
}
