use anyhow::Context as _;
use serde_json::json;
use terra_auth::Provider;

use super::Whose;
use crate::{
    app::{self, App},
    ask,
    dry_run::DryRun,
};

/// Remove the environment's own app at a provider
///
/// The app of `serve --provider-apps`, if there is one, takes its place. Grants that were made with the one that goes can
/// be neither refreshed nor revoked any more.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers app remove OURA --yes"])]
pub(crate) struct Args {
    /// The provider, such as OURA
    provider: Provider,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { provider, yes, dry_run, whose } = self;
        let owner = whose.find(app)?;
        let dev_id = &owner.dev_id;
        let what = format!("remove the app of {dev_id} at {provider}");
        if dry_run.stops(app.ui, &what, &json!({ "remove_provider_app": { "provider": provider } }))? {
            return Ok(());
        }
        ask::sure(yes, "removed", || {
            Ok(format!("Remove the app of {dev_id} at {provider}? Its grants are of no use then."))
        })?;
        app::wait(owner.admin(app)?.remove_provider_app(dev_id, &provider))?.context("could not remove the app")?;
        app.ui.result(|| format!("Removed the app of {dev_id} at {provider}"), &json!({ "removed": provider }))
    }
}
