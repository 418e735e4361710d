use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueHint;
use serde::Serialize;

use super::{Migration, invitations, state};
use crate::{
    app::{self, App},
    command::keys::TargetOptions,
};

/// Show the status of a migration: how many end users have moved, and how many have not
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth migrate status --from FITBIT --to GOOGLE",
    "terra-auth migrate status --from FITBIT --to GOOGLE --output json | jq .to_do",
])]
pub(crate) struct Args {
    #[command(flatten)]
    migration: Migration,
    /// File of links that `terra-auth migrate start` created [default: migrate-FROM-TO.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    invitations: Option<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
}

/// The number of end users in each state. Each is counted once.
#[derive(Default, Serialize)]
struct Counts {
    /// Connected to the old provider only, and not invited.
    to_do: u64,
    /// Connected to the old provider only, with a valid link.
    invited: u64,
    /// Connected to the old provider only, with an expired link.
    expired: u64,
    /// Connected to both providers.
    both: u64,
    /// Connected to the new provider only.
    moved: u64,
    /// Old connections without a reference id.
    nameless: u64,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { migration, invitations: file, target } = self;
        let invited = invitations::read(&file.unwrap_or_else(|| migration.file()))?;
        let target = target.find(app)?;
        let read = app::block_on(state::read(&target.admin(app)?, &target.dev_id, &migration))?;
        let state = read.context("could not read the connections")?;
        let (mut counts, now) = (Counts { nameless: state.nameless, ..Counts::default() }, app::now());
        for (reference_id, end_user) in &state.end_users {
            let count = match invited.get(reference_id) {
                _ if end_user.is_at_both() => &mut counts.both,
                _ if !end_user.is_at_old_only() => &mut counts.moved,
                None => &mut counts.to_do,
                Some(expires_at) if *expires_at > now => &mut counts.invited,
                Some(_) => &mut counts.expired,
            };
            *count += 1;
        }
        app.ui.result(|| plain(&counts, &migration), &counts)
    }
}

fn plain(counts: &Counts, migration: &Migration) -> String {
    let Migration { from, to } = migration;
    let lines = [
        (counts.to_do, format!("at {from} only, not invited")),
        (counts.invited, format!("at {from} only, with a valid link")),
        (counts.expired, format!("at {from} only, with an expired link")),
        (counts.both, format!("at {from} and {to}")),
        (counts.moved, format!("at {to} only")),
        (counts.nameless, format!("connections to {from} without a reference id, which cannot be invited")),
    ];
    lines.map(|(count, what)| format!("{count:>8}  {what}")).join("\n")
}
