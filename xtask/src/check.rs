use crate::{setup, steps::Steps};

/// Quick refusals first. The documentation stands on what clippy has compiled; it leaves out the command, whose name is
/// the library's. The tests are compiled once for both stores: with `-p` Cargo would choose other features, and so build
/// the dependencies again.
const CHECKS: [(&str, &str); 7] = [
    ("format", "cargo fmt --all --check"),
    ("licences and walls", "cargo deny check licenses bans sources"),
    ("lints", "cargo clippy --workspace --all-targets --all-features -- -D warnings"),
    ("documentation", "RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --lib"),
    ("tests", "cargo test --workspace"),
    ("openapi.json against the server", "cargo test --workspace --test e2e -- --ignored --nocapture openapi"),
    ("routes on PostgreSQL", "TERRA_AUTH_TEST_STORE=postgres cargo test --workspace --test it"),
];

/// Everything that a change must pass.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    setup::setup(&mut steps)?;
    for (name, line) in CHECKS {
        steps.run(name, line)?;
    }
    steps.summary();
    Ok(())
}
