use anyhow::Context as _;
use jiff::SignedDuration;
use serde_json::json;
use terra_auth::{Error, UserId};

use super::{Migration, state};
use crate::{
    app::{self, App},
    command::keys::TargetOptions,
    dry_run::DryRun,
    prompt,
    ui::count,
};

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
pub(crate) struct Args {
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

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { migration, overlap_days, yes, dry_run, target } = self;
        let client = app.client()?;
        let target = target.find(app)?;
        let read = app::block_on(state::read(&target.admin(app)?, &target.dev_id, &migration))?;
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
