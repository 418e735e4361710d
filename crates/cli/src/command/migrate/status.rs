use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueHint;
use serde::Serialize;

use super::{Move, invitations, state};
use crate::{
    app::{self, App},
    command::keys::Whose,
};

/// Count the end users who have moved, and those who have not
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth migrate status --from FITBIT --to GOOGLE",
    "terra-auth migrate status --from FITBIT --to GOOGLE --output json | jq .to_do",
])]
pub(crate) struct Args {
    #[command(flatten)]
    between: Move,
    /// The file of links that `terra-auth migrate start` wrote [default: migrate-FROM-TO.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    invitations: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
}

/// End users, each counted once.
#[derive(Default, Serialize)]
struct Counts {
    /// At the old provider only, and not invited.
    to_do: u64,
    /// The same, with a link that works.
    invited: u64,
    /// The same, with a link that no longer does.
    expired: u64,
    /// At both: the overlap.
    both: u64,
    /// At the new provider only.
    moved: u64,
    /// Old connections without a reference id.
    nameless: u64,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { between, invitations: file, whose } = self;
        let invited = invitations::read(&file.unwrap_or_else(|| between.file()))?;
        let owner = whose.find(app)?;
        let read = app::wait(state::read(&owner.admin(app)?, &owner.dev_id, &between))?;
        let state = read.context("could not read the connections")?;
        let (mut counts, now) = (Counts { nameless: state.nameless, ..Counts::default() }, app::now());
        for (reference_id, end_user) in &state.end_users {
            let count = match invited.get(reference_id) {
                _ if end_user.is_at_both() => &mut counts.both,
                _ if !end_user.is_to_move() => &mut counts.moved,
                None => &mut counts.to_do,
                Some(expires_at) if *expires_at > now => &mut counts.invited,
                Some(_) => &mut counts.expired,
            };
            *count += 1;
        }
        app.ui.result(|| plain(&counts, &between), &counts)
    }
}

fn plain(counts: &Counts, between: &Move) -> String {
    let Move { from, to } = between;
    let lines = [
        (counts.to_do, format!("at {from} only, not invited")),
        (counts.invited, format!("at {from} only, with a link that works")),
        (counts.expired, format!("at {from} only, with a link that expired")),
        (counts.both, format!("at {from} and {to}")),
        (counts.moved, format!("at {to} only")),
        (counts.nameless, format!("connections to {from} without a reference id, which cannot be invited")),
    ];
    lines.map(|(count, what)| format!("{count:>8}  {what}")).join("\n")
}
