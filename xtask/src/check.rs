use crate::{
    layers, prose,
    say::say,
    setup,
    steps::{Steps, succeeds},
};

/// Quick refusals first. The documentation stands on what clippy has compiled; it leaves out the command, whose name is
/// the library's. The tests are compiled once for both stores: with `-p` Cargo would choose other features, and so build
/// the dependencies again.
const CHECKS: [(&str, &str); 7] = [
    ("format", "cargo fmt --all --check"),
    ("licences and walls", "cargo deny check licenses bans sources"),
    ("lints", "cargo clippy --workspace --all-targets --all-features -- -D warnings"),
    ("documentation", "RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --lib"),
    ("tests", "cargo test --workspace --no-fail-fast"),
    ("openapi.json against the server", "cargo test --workspace --test e2e -- --ignored --nocapture openapi"),
    ("routes on PostgreSQL", "TERRA_AUTH_TEST_STORE=postgres cargo test --workspace --test it"),
];

/// Everything that a change must pass.
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

/// Known vulnerabilities of dependencies, and those that are abandoned or withdrawn.
pub(crate) fn advisories(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("security advisories", "cargo deny check advisories")
}
