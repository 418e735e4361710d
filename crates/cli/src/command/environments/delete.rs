use anyhow::Context as _;
use serde_json::json;
use terra_auth::{DevId, wire::admin::EnvironmentContents};

use crate::{
    app::{self, App},
    ask,
    command::admin::access::Access,
    dry_run::DryRun,
    failure::{Advice, Kind},
    ui::count,
};

/// Delete an environment with everything in it
///
/// Says what is lost and asks for the dev-id again. The access to its users' data is revoked at the providers afterwards.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments delete acme-testing-0000000000",
    "terra-auth environments delete acme-testing-0000000000 --yes --output json",
])]
pub(crate) struct Args {
    /// The environment, as `terra-auth environments list` shows it
    dev_id: DevId,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { dev_id, yes, dry_run, access } = self;
        if !yes && !dry_run.dry_run && !ask::possible() {
            return Err(ask::nobody("deleted").into());
        }
        let admin = access.open(app)?;
        let contents =
            app::wait(admin.environment_contents(&dev_id))?.context("could not look into the environment")?;
        let what = format!("delete {dev_id}\n{}", lost(&dev_id, contents));
        if dry_run.stops(app.ui, &what, &json!({ "delete_environment": dev_id, "lost": contents }))? {
            return Ok(());
        }
        app.ui.note(&lost(&dev_id, contents))?;
        if !yes && ask::text("Type the dev-id to delete it for good:", None)? != dev_id.as_str() {
            let message = "not deleted: that is not the dev-id; nothing was changed";
            return Err(Advice::new(Kind::NotConfirmed, message, format!("type {dev_id} to do it")).into());
        }
        let deleted = app::wait(admin.delete_environment(&dev_id, contents))?;
        deleted.context("could not delete the whole environment")?;
        app.ui.result(|| format!("Deleted {dev_id}"), &json!({ "success": true, "dev_id": dev_id, "lost": contents }))
    }
}

fn lost(dev_id: &DevId, contents: EnvironmentContents) -> String {
    let EnvironmentContents { users, api_keys, waiting_deliveries } = contents;
    format!(
        "This deletes {dev_id} with {}, who must connect again, {} and {} that wait to be delivered. It cannot be undone.",
        count(users, "user"),
        count(api_keys, "API key"),
        count(waiting_deliveries, "event"),
    )
}
