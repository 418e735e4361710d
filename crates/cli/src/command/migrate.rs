//! `terra-auth migrate`: end users move from one provider to another, by their own consent.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use terra_auth::Provider;

use crate::app::App;

mod invitations;
mod retire;
mod start;
mod state;
mod status;

/// Move end users from one provider to another
///
/// A grant cannot be moved: each end user must consent at the new provider. `start` makes links for that, a cohort at a time;
/// the old connection lives on until the new one is there; `status` counts who has moved; `retire` ends old connections.
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

/// From where to where.
#[derive(Args)]
struct Move {
    /// Where end users are connected, such as FITBIT
    #[arg(long, value_name = "NAME")]
    from: Provider,
    /// Where they are to be connected, such as GOOGLE
    #[arg(long, value_name = "NAME")]
    to: Provider,
}

impl Move {
    /// Where the invitations are kept unless told otherwise.
    fn file(&self) -> PathBuf {
        format!("migrate-{}-{}.csv", self.from.slug(), self.to.slug()).into()
    }
}
