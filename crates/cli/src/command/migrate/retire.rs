use anyhow::Context as _;
use jiff::SignedDuration;
use serde_json::json;
use terra_auth::{Error, UserId};

use super::{Move, state};
use crate::{
    app::{self, App},
    ask,
    command::keys::Whose,
    dry_run::DryRun,
    ui::count,
};

/// Deauthenticate the old connections of end users who have moved
///
/// Each is deauthenticated as by `terra-auth deauthenticate-user`: the app hears of it, and the access is revoked at the
/// old provider. Who is not yet at the new one is left alone.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth migrate retire --from FITBIT --to GOOGLE --overlap-days 14",
    "terra-auth migrate retire --from FITBIT --to GOOGLE --yes --output json",
])]
pub(crate) struct Args {
    #[command(flatten)]
    between: Move,
    /// Only of those who have been at the new provider for so many days
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=3650))]
    overlap_days: u16,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { between, overlap_days, yes, dry_run, whose } = self;
        let client = app.client()?;
        let owner = whose.find(app)?;
        let read = app::wait(state::read(&owner.admin(app)?, &owner.dev_id, &between))?;
        let state = read.context("could not read the connections")?;
        let since = app::now() - SignedDuration::from_hours(24 * i64::from(overlap_days));
        let long_enough = |new_since: Option<_>| new_since.is_some_and(|at| at <= since);
        let moved = state.end_users.into_values().filter(|end_user| long_enough(end_user.new_since));
        let old: Vec<UserId> = moved.flat_map(|end_user| end_user.old).collect();
        let Move { from, to } = &between;
        let what = format!("deauthenticate {} to {from}", count(old.len() as u64, "connection"));
        if dry_run.stops(app.ui, &what, &json!({ "retire": old }))? {
            return Ok(());
        }
        if !old.is_empty() {
            let question = format!("Deauthenticate {} connections to {from} whose end users are at {to}?", old.len());
            ask::sure(yes, "retired", || Ok(question))?;
        }
        let ended = app::wait(async {
            let mut ended = 0_u64;
            for user_id in old {
                match client.deauthenticate_user(user_id).await {
                    Ok(()) => ended += 1,
                    Err(Error::NotFound(_)) => {} // somebody else did
                    Err(error) => {
                        let context = format!("{ended} were retired, and then one was not; run it again to go on");
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
