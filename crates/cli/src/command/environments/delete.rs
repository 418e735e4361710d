use anyhow::Context as _;
use serde_json::json;
use terra_auth::{DevId, wire::admin::EnvironmentContents};

use crate::{
    app::{self, App},
    command::admin::access::AdminOptions,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    prompt,
    ui::count,
};

/// Delete an environment and all of its data
///
/// Lists what is deleted, and asks you to type the dev-id. Afterwards, the server revokes the access
/// to the users' data at the providers.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments delete acme-testing-0000000000",
    "terra-auth environments delete acme-testing-0000000000 --yes --output json",
])]
pub(crate) struct Args {
    /// Dev-id, as listed by `terra-auth environments list`
    dev_id: DevId,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { dev_id, yes, dry_run, access } = self;
        if !yes && !dry_run.dry_run && !prompt::has_terminal() {
            return Err(prompt::no_terminal("deleted").into());
        }
        let admin = access.client(app)?;
        let contents = app::block_on(admin.environment_contents(&dev_id))?.context("could not read the environment")?;
        let what = format!("delete {dev_id}\n{}", consequences(&dev_id, contents));
        if dry_run.report(app.ui, &what, &json!({ "delete_environment": dev_id, "lost": contents }))? {
            return Ok(());
        }
        app.ui.note(&consequences(&dev_id, contents))?;
        if !yes && prompt::text("Type the dev-id to delete the environment:", None)? != dev_id.as_str() {
            let message = "not deleted: the dev-id does not match; nothing was changed";
            return Err(
                CommandError::new(FailureKind::NotConfirmed, message, format!("type {dev_id} to confirm")).into()
            );
        }
        let deleted = app::block_on(admin.delete_environment(&dev_id, contents))?;
        deleted.context("could not delete the environment completely")?;
        app.ui.result(|| format!("Deleted {dev_id}"), &json!({ "success": true, "dev_id": dev_id, "lost": contents }))
    }
}

fn consequences(dev_id: &DevId, contents: EnvironmentContents) -> String {
    let EnvironmentContents { users, api_keys, waiting_deliveries } = contents;
    format!(
        "This deletes {dev_id} with {}, who must connect again, {}, and {} in the delivery queue. It cannot be undone.",
        count(users, "user"),
        count(api_keys, "API key"),
        count(waiting_deliveries, "event"),
    )
}
