//! `terra-auth migrate`: moves end users from one provider to another, with their consent.

mod start;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueHint};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;
use terra_auth::{Error, Provider, UserId};

use crate::{
    app::{self, App},
    command::keys::TargetOptions,
    dry_run::DryRun,
    terminal::{prompt, ui::count},
};

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
    Status(Status),
    Retire(Retire),
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

/// Retire the old connections of end users who have moved
///
/// Each connection is deauthenticated as by `terra-auth deauthenticate-user`: the app receives an
/// event, and the access is revoked at the old provider. End users without a connection to the new
/// provider are not changed.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth migrate retire --from FITBIT --to GOOGLE --overlap-days 14",
    "terra-auth migrate retire --from FITBIT --to GOOGLE --yes --output json",
])]
pub(crate) struct Retire {
    #[command(flatten)]
    migration: Migration,
    /// Only for end users who have been connected to the new provider for this many days
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=3650))]
    overlap_days: u16,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Retire {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { migration, overlap_days, yes, dry_run, target } = self;
        let client = app.client()?;
        let target = target.find(app)?;
        let read = app::block_on(start::read_state(&target.admin(app)?, &target.dev_id, &migration))?;
        let state = read.context("could not read the connections")?;
        let since = app::now() - SignedDuration::from_hours(24 * i64::from(overlap_days));
        let long_enough = |new_since: Option<_>| new_since.is_some_and(|at| at <= since);
        let moved = state.end_users.into_values().filter(|end_user| long_enough(end_user.new_since));
        let old: Vec<UserId> = moved.flat_map(|end_user| end_user.old).collect();
        let Migration { from, to } = &migration;
        let what = format!("deauthenticate {} to {from}", count(old.len() as u64, "connection"));
        if dry_run.report(app.ui, &what, &json!({ "retire": old }))? {
            return Ok(());
        }
        if !old.is_empty() {
            let question =
                format!("Deauthenticate {} connections to {from} of end users who are connected to {to}?", old.len());
            prompt::confirm_or_yes(yes, "retired", || Ok(question))?;
        }
        let ended = app::block_on(async {
            let mut ended = 0_u64;
            for user_id in old {
                match client.deauthenticate_user(user_id).await {
                    Ok(()) => ended += 1,
                    Err(Error::NotFound(_)) => {} // removed by another caller meanwhile
                    Err(error) => {
                        let context = format!("retired {ended} connections before an error; run it again to continue");
                        return Err(anyhow::Error::new(error).context(context));
                    }
                }
            }
            Ok(ended)
        })??;
        app.ui.result(
            || format!("Retired {ended} connections to {from}"),
            &json!({ "from": from, "to": to, "retired": ended }),
        )
    }
}

/// Show the status of a migration: how many end users have moved, and how many have not
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth migrate status --from FITBIT --to GOOGLE",
    "terra-auth migrate status --from FITBIT --to GOOGLE --output json | jq .to_do",
])]
pub(crate) struct Status {
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

impl Status {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { migration, invitations: file, target } = self;
        let invited = start::read(&file.unwrap_or_else(|| migration.file()))?;
        let target = target.find(app)?;
        let read = app::block_on(start::read_state(&target.admin(app)?, &target.dev_id, &migration))?;
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
