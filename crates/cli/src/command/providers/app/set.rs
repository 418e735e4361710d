use anyhow::Context as _;
use serde_json::json;
use terra_auth::wire::admin::SetProviderApp;

use super::{AppSecretOptions, TargetOptions, rows};
use crate::{
    app::{self, App},
    dry_run::DryRun,
    ui::shown,
};

/// Set the environment's own app at a provider
///
/// A grant belongs to a client id. After a change of the client id, grants of the previous one can no
/// longer be refreshed. For a new secret, use `rotate`.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret",
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret --profile developer_portal",
    "terra-auth providers app set SUUNTO --client-id acme --header-file Ocp-Apim-Subscription-Key=suunto.key",
])]
pub(crate) struct Args {
    #[command(flatten)]
    secrets: AppSecretOptions,
    /// Client id of the app at the provider
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Profile of the recipe, if the provider has different kinds of apps; see `providers show`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, client_id, profile, dry_run, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("set the app of {} at {} to {}", target.dev_id, secrets.provider, shown(&client_id));
        let json = json!({ "set_provider_app": { "provider": secrets.provider, "client_id": client_id } });
        if dry_run.report(app.ui, &what, &json)? {
            return Ok(());
        }
        let set = SetProviderApp { client_id, client_secret, headers, profile };
        let stored = app::block_on(admin.set_provider_app(&target.dev_id, &secrets.provider, &set))?;
        let stored = stored.context("could not set the app")?;
        app.ui.result(|| rows(std::slice::from_ref(&stored)), &stored)
    }
}
