use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    Provider,
    admin::AdminClient,
    wire::admin::{ProviderAppCheck, SecretCheck},
};

use super::{Whose, hidden};
use crate::{
    app::{self, App},
    command::{keys::Owner, providers::check::judge, users::minute},
    ui::{shown, table},
};

/// Ask the providers whether they know the environment's own apps
///
/// The server asks, because only it has the secrets: each provider is sent a login code that it never gave, and says with
/// its refusal whether it minds the code or the app. While one secret replaces another, both are tried. Exits with 3 if the
/// newest secret of an app is refused, and with 5 if a provider cannot be reached.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app check",
    "terra-auth providers app check OURA WHOOP --env production",
    "terra-auth providers app check --output json | jq '.apps[].secrets[0].verdict'",
])]
pub(crate) struct Args {
    /// The providers to ask, such as OURA; by default all at which the environment has an app
    names: Vec<Provider>,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let owner = self.whose.find(app)?;
        let checks = app::wait(ask(&owner.admin(app)?, &owner, self.names))??;
        app.ui.result(|| rows(&checks), &json!({ "apps": checks }))?;
        judge(checks.iter().filter_map(|check| Some((&check.provider, check.secrets.first()?.verdict))))
    }
}

async fn ask(admin: &AdminClient, owner: &Owner, mut names: Vec<Provider>) -> anyhow::Result<Vec<ProviderAppCheck>> {
    if names.is_empty() {
        let apps = admin.list_provider_apps(&owner.dev_id).await.context("could not list the apps")?;
        names = apps.into_iter().map(|app| app.provider).collect();
    }
    let mut checks = Vec::new();
    for provider in names {
        let check = admin.check_provider_app(&owner.dev_id, &provider).await;
        checks.push(check.with_context(|| format!("could not check the app at {provider}"))?);
    }
    Ok(checks)
}

fn rows(checks: &[ProviderAppCheck]) -> String {
    let row = |(check, secret): (&ProviderAppCheck, &SecretCheck)| {
        let tried = secret.until.map_or_else(|| "newest".to_owned(), |until| format!("until {}", minute(until)));
        let (client_id, hint, verdict) = (shown(&check.client_id), hidden(&secret.hint), secret.verdict.as_str());
        [check.provider.to_string(), client_id, hint, tried, verdict.to_owned(), shown(&secret.why)]
    };
    let all = checks.iter().flat_map(|check| check.secrets.iter().map(move |secret| (check, secret)));
    table(["provider", "client id", "secret", "tried", "app", "why"], all.map(row))
}
