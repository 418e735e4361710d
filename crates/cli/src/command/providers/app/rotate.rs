use anyhow::Context as _;
use serde_json::json;
use terra_auth::wire::admin::RotateProviderApp;

use super::{Secrets, Whose, rows};
use crate::{
    app::{self, App},
    command::keys::Overlap,
    dry_run::DryRun,
};

/// Rotate the secret of the environment's app at a provider
///
/// Until the overlap ends the old one is tried where the provider refuses the new one, so the order in which the two change
/// here and at the provider does not matter.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app rotate OURA --secret-file oura.secret",
    "terra-auth providers app rotate OURA --secret-file oura.secret --now",
])]
pub(crate) struct Args {
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    overlap: Overlap,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, overlap: Overlap { overlap: overlap_s, now }, dry_run, whose } = self;
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("replace the secret of the app of {} at {}", owner.dev_id, secrets.provider);
        if dry_run.stops(app.ui, &what, &json!({ "rotate_provider_app": { "provider": secrets.provider } }))? {
            return Ok(());
        }
        let how = RotateProviderApp { client_secret, headers, overlap_s, now };
        let rotated = app::wait(admin.rotate_provider_app(&owner.dev_id, &secrets.provider, &how))?;
        let rotated = rotated.context("could not replace the secret")?;
        app.ui.result(|| rows(std::slice::from_ref(&rotated)), &rotated)
    }
}
