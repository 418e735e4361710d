//! The `terra-auth` command.

#[macro_use]
mod help;
mod app;
mod args;
mod command;
mod completion;
mod credentials;
mod doctor;
mod dry_run;
mod failure;
mod git;
mod service;
mod terminal;

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
