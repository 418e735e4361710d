use anyhow::Context as _;
use serde_json::json;
use terra_auth::wire::admin::SetProviderApp;

use super::{Secrets, Whose, rows};
use crate::{
    app::{self, App},
    dry_run::DryRun,
    ui::shown,
};

/// Set the environment's own app at a provider
///
/// Grants belong to a client id: those made with another one can no longer be refreshed. For a new secret, use `rotate`.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret",
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret --profile developer_portal",
    "terra-auth providers app set SUUNTO --client-id acme --header-file Ocp-Apim-Subscription-Key=suunto.key",
])]
pub(crate) struct Args {
    #[command(flatten)]
    secrets: Secrets,
    /// What the provider calls the app
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// The profile of the recipe that the app uses, where the provider treats apps in different ways; see `providers show`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, client_id, profile, dry_run, whose } = self;
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("set the app of {} at {} to {}", owner.dev_id, secrets.provider, shown(&client_id));
        let json = json!({ "set_provider_app": { "provider": secrets.provider, "client_id": client_id } });
        if dry_run.stops(app.ui, &what, &json)? {
            return Ok(());
        }
        let set = SetProviderApp { client_id, client_secret, headers, profile };
        let kept = app::wait(admin.set_provider_app(&owner.dev_id, &secrets.provider, &set))?;
        let kept = kept.context("could not set the app")?;
        app.ui.result(|| rows(std::slice::from_ref(&kept)), &kept)
    }
}
