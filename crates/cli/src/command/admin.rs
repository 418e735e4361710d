//! `terra-auth admin`: manages the admin tokens of a server.

use clap::Subcommand;

use crate::app::App;

pub(crate) mod access;
mod tokens;

/// Manage the admin tokens of a server
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth admin tokens list",
    "terra-auth admin tokens create --name alice --role operator",
])]
pub(crate) enum Command {
    #[command(subcommand)]
    Tokens(tokens::Command),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Tokens(command) => command.run(app),
        }
    }
}
