//! The `terra-auth` command.

use std::process::ExitCode;

#[macro_use]
mod help;

mod app;
mod args;
mod ask;
mod browser;
mod command;
mod completion;
mod credential_file;
mod doctor;
mod dry_run;
mod env_file;
mod env_settings;
mod event_log;
mod failure;
mod git;
mod guard;
mod keeping;
mod known_stores;
mod logging;
mod node;
mod opening;
mod private_file;
mod provision;
mod reload;
mod shutdown;
#[cfg(feature = "otel")]
mod telemetry;
mod ui;
mod variable;
mod verified;

/// The C library's allocator takes a tenth of the time that a request to the gateway takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The only place that exits. Nothing is built before the arguments are understood, so `--version` costs nothing.
fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => return args::refused(error),
    };
    let output = cli.global.output();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, output),
    }
}
