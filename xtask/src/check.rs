use crate::{
    layers, prose,
    say::say,
    setup,
    steps::{Steps, succeeds},
};

/// The checks, fast ones first. The documentation reuses what clippy compiled. It leaves out the binary, which has the same name as
/// the client library. The tests run for the complete workspace, so both stores use the same build: `-p` would select other
/// features, and Cargo would build the dependencies again.
const CHECKS: [(&str, &str); 7] = [
    ("format", "cargo fmt --all --check"),
    ("licences and walls", "cargo deny check licenses bans sources"),
    ("lints", "cargo clippy --workspace --all-targets --all-features -- -D warnings"),
    ("documentation", "RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --lib"),
    ("tests", "cargo test --workspace --no-fail-fast"),
    ("openapi.json against the server", "cargo test --workspace --test e2e -- --ignored --nocapture openapi"),
    ("routes on PostgreSQL", "TERRA_AUTH_TEST_STORE=postgres cargo test --workspace --test it"),
];

/// Runs all checks that a change must pass.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    layers::layers()?;
    prose::prose()?;
    setup::setup(&mut steps)?;
    for (name, line) in CHECKS {
        steps.run(name, line)?;
    }
    let is_reachable = succeeds("timeout 20 git ls-remote --exit-code https://github.com/rustsec/advisory-db HEAD");
    if is_reachable {
        advisories(&mut steps)?;
    }
    steps.summary();
    if !is_reachable {
        say(
            "not checked: security advisories, as their database cannot be reached; try `cargo xtask advisories` later",
        );
    }
    Ok(())
}

/// Checks for dependencies that are vulnerable, unmaintained or yanked.
pub(crate) fn advisories(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("security advisories", "cargo deny check advisories")
}
