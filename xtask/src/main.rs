//! The development tasks of the project: `cargo xtask <task>`.

mod bench;
mod check;
mod faults;
mod layers;
mod prose;
mod say;
mod setup;
mod steps;

use std::process::ExitCode;

use say::say;

const HELP: &str = "\
usage: cargo xtask <task>

  check          everything a change must pass; installs what it needs first
  setup          only the installs
  advisories     known vulnerabilities of dependencies; needs the internet (`check` includes it where there is one)
  layers         check the floors of the crates and that no files import each other in a circle
  prose          check the language rules that a program can check, and that the paths in the documents exist
  openapi        write crates/server/openapi.json
  bench [name…]  the numbers we hold ourselves to, each beside its baseline
  faults [name…] long fault runs with the real binary, each counts what is lost; --list shows them";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["check"] => check::check(),
        ["setup"] => setup::setup(&mut steps::Steps::default()),
        ["advisories"] => check::advisories(&mut steps::Steps::default()),
        ["layers"] => layers::layers(),
        ["prose"] => prose::prose(),
        ["openapi"] => openapi(),
        ["bench", ref names @ ..] => bench::bench(names),
        ["faults", ref words @ ..] => faults::faults(words),
        _ => {
            say(HELP);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\n{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes the file only after the program succeeded, so a failure does not change it.
fn openapi() -> anyhow::Result<()> {
    steps::Steps::default().run(
        "openapi.json",
        "document=$(cargo run --quiet -p terra-auth-server --example openapi) &&
         printf '%s\\n' \"$document\" >crates/server/openapi.json",
    )
}
