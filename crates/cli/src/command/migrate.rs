//! `terra-auth migrate`: moves end users from one provider to another, with their consent.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use terra_auth::Provider;

use crate::app::App;

mod invitations;
mod retire;
mod start;
mod state;
mod status;

/// Migrate end users from one provider to another
///
/// A grant cannot be moved, so each end user must consent at the new provider. `start` creates links
/// for that, one cohort at a time. The old connection remains active until it is retired. `status`
/// counts the end users who have moved, and `retire` removes their old connections.
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth migrate start --from FITBIT --to GOOGLE --all --cohort 1000",
    "terra-auth migrate status --from FITBIT --to GOOGLE",
    "terra-auth migrate retire --from FITBIT --to GOOGLE --overlap-days 14",
])]
pub(crate) enum Command {
    Start(Box<start::Args>),
    Status(status::Args),
    Retire(retire::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Start(args) => args.run(app),
            Self::Status(args) => args.run(app),
            Self::Retire(args) => args.run(app),
        }
    }
}

/// The old and the new provider of a migration.
#[derive(Args)]
struct Migration {
    /// Old provider, such as FITBIT
    #[arg(long, value_name = "NAME")]
    from: Provider,
    /// New provider, such as GOOGLE
    #[arg(long, value_name = "NAME")]
    to: Provider,
}

impl Migration {
    /// The default file for the invitations.
    fn file(&self) -> PathBuf {
        format!("migrate-{}-{}.csv", self.from.slug(), self.to.slug()).into()
    }
}
