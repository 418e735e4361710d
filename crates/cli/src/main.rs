//! The `terra-auth` command.

#[macro_use]
mod help;
mod app;
mod args;
mod browser;
mod command;
mod completion;
mod credential_file;
mod doctor;
mod dry_run;
mod env_file;
mod env_settings;
mod environment_choice;
mod event_log;
mod failure;
mod git;
mod guard;
mod known_stores;
mod logging;
mod node;
mod open_options;
mod private_file;
mod prompt;
pub(crate) mod provider_files;
mod provision;
mod reload;
mod secrets;
mod shutdown;
mod storage_options;
#[cfg(feature = "otel")]
mod telemetry;
mod ui;
mod variable;
mod verified;

use std::process::ExitCode;

/// The C library's allocator would take a tenth of the time of a gateway request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The only function that exits. The arguments are parsed before anything else, so `--version` is fast.
fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => return args::report_parse_error(error),
    };
    let output = cli.global.output();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, output),
    }
}
