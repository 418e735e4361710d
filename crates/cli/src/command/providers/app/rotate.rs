use anyhow::Context as _;
use serde_json::json;
use terra_auth::wire::admin::RotateProviderApp;

use super::{AppSecretOptions, TargetOptions, rows};
use crate::{
    app::{self, App},
    command::keys::Overlap,
    dry_run::DryRun,
};

/// Rotate the secret of the environment's app at a provider
///
/// During the overlap, the server uses the old secret if the provider rejects the new one. You can
/// therefore change the secret here and at the provider in any order.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app rotate OURA --secret-file oura.secret",
    "terra-auth providers app rotate OURA --secret-file oura.secret --now",
])]
pub(crate) struct Args {
    #[command(flatten)]
    secrets: AppSecretOptions,
    #[command(flatten)]
    overlap: Overlap,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, overlap: Overlap { overlap: overlap_s, now }, dry_run, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("rotate the secret of the app of {} at {}", target.dev_id, secrets.provider);
        if dry_run.report(app.ui, &what, &json!({ "rotate_provider_app": { "provider": secrets.provider } }))? {
            return Ok(());
        }
        let how = RotateProviderApp { client_secret, headers, overlap_s, now };
        let rotated = app::block_on(admin.rotate_provider_app(&target.dev_id, &secrets.provider, &how))?;
        let rotated = rotated.context("could not rotate the secret")?;
        app.ui.result(|| rows(std::slice::from_ref(&rotated)), &rotated)
    }
}
