//! `terra-auth connections`: imports, exports and inspects the connections of an environment.

use clap::Subcommand;

use crate::app::App;

mod access_token;
pub(crate) mod csv;
mod export;
mod import;
mod progress;
mod revocations;
mod row;
mod rows;
mod show;

/// Import, export and inspect the connections of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth connections import grants.csv --dry-run",
    "terra-auth connections export --out connections.ndjson",
    "terra-auth connections show 00000000-0000-4000-8000-000000000001",
    "terra-auth connections revocations",
])]
pub(crate) enum Command {
    Import(import::Args),
    Export(export::Args),
    AccessToken(access_token::Args),
    Revocations(revocations::Args),
    Show(show::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Import(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::AccessToken(args) => args.run(app),
            Self::Revocations(args) => args.run(app),
            Self::Show(args) => args.run(app),
        }
    }
}
