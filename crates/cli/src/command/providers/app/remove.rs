use anyhow::Context as _;
use serde_json::json;
use terra_auth::Provider;

use super::TargetOptions;
use crate::{
    app::{self, App},
    dry_run::DryRun,
    prompt,
};

/// Remove the environment's own app at a provider
///
/// If `serve --provider-apps` has an app at this provider, the environment uses that one. Grants of the
/// removed app can no longer be refreshed or revoked.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers app remove OURA --yes"])]
pub(crate) struct Args {
    /// Provider, such as OURA
    provider: Provider,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { provider, yes, dry_run, target } = self;
        let target = target.find(app)?;
        let dev_id = &target.dev_id;
        let what = format!("remove the app of {dev_id} at {provider}");
        if dry_run.report(app.ui, &what, &json!({ "remove_provider_app": { "provider": provider } }))? {
            return Ok(());
        }
        prompt::confirm_or_yes(yes, "removed", || {
            Ok(format!("Remove the app of {dev_id} at {provider}? Its grants can no longer be refreshed or revoked."))
        })?;
        app::block_on(target.admin(app)?.remove_provider_app(dev_id, &provider))?
            .context("could not remove the app")?;
        app.ui.result(|| format!("Removed the app of {dev_id} at {provider}"), &json!({ "removed": provider }))
    }
}
