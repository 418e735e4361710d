//! `terra-auth env`: shows the keys and settings of environments, and runs programs with their keys.

use clap::Subcommand;

use crate::app::App;

mod apply;
pub(super) mod diff;
mod exec;
mod export;
mod list;
mod secret;
mod settings;
mod show;
mod trust;

/// Manage the keys and settings of environments
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth env list",
    "terra-auth env show --env staging",
    "terra-auth env exec --env staging -- npm start",
    "terra-auth env diff testing production",
])]
pub(crate) enum Command {
    List(list::Args),
    Show(show::Args),
    Exec(exec::Args),
    Diff(diff::Args),
    Export(export::Args),
    Apply(apply::Args),
    Trust(trust::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Exec(args) => args.run(app),
            Self::Diff(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::Apply(args) => args.run(app),
            Self::Trust(args) => args.run(app),
        }
    }
}
