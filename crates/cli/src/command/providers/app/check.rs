use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    Provider,
    admin::AdminClient,
    wire::admin::{ProviderAppCheck, SecretCheck},
};

use super::{TargetOptions, masked_hint};
use crate::{
    app::{self, App},
    command::{keys::Target, providers::check::check_verdicts, users::format_minute},
    terminal::ui::{shown, table},
};

/// Check whether the providers accept the environment's own apps
///
/// The server makes the calls, because only the server has the secrets. It sends each provider an
/// invalid login code. The error in the response shows whether the provider rejected the code or the
/// app. During a rotation, both secrets are checked. Exits with 3 if the newest secret of an app is
/// rejected, and with 5 if a provider cannot be reached.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app check",
    "terra-auth providers app check OURA WHOOP --env production",
    "terra-auth providers app check --output json | jq '.apps[].secrets[0].verdict'",
])]
pub(crate) struct Args {
    /// Providers to check, such as OURA [default: all at which the environment has an app]
    names: Vec<Provider>,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let checks = app::block_on(check_apps(&target.admin(app)?, &target, self.names))??;
        app.ui.result(|| rows(&checks), &json!({ "apps": checks }))?;
        check_verdicts(checks.iter().filter_map(|check| Some((&check.provider, check.secrets.first()?.verdict))))
    }
}

async fn check_apps(
    admin: &AdminClient,
    target: &Target,
    mut names: Vec<Provider>,
) -> anyhow::Result<Vec<ProviderAppCheck>> {
    if names.is_empty() {
        let apps = admin.list_provider_apps(&target.dev_id).await.context("could not list the apps")?;
        names = apps.into_iter().map(|app| app.provider).collect();
    }
    let mut checks = Vec::new();
    for provider in names {
        let check = admin.check_provider_app(&target.dev_id, &provider).await;
        checks.push(check.with_context(|| format!("could not check the app at {provider}"))?);
    }
    Ok(checks)
}

fn rows(checks: &[ProviderAppCheck]) -> String {
    let row = |(check, secret): (&ProviderAppCheck, &SecretCheck)| {
        let tried = secret.until.map_or_else(|| "newest".to_owned(), |until| format!("until {}", format_minute(until)));
        let (client_id, hint, verdict) = (shown(&check.client_id), masked_hint(&secret.hint), secret.verdict.as_str());
        [check.provider.to_string(), client_id, hint, tried, verdict.to_owned(), shown(&secret.why)]
    };
    let all = checks.iter().flat_map(|check| check.secrets.iter().map(move |secret| (check, secret)));
    table(["provider", "client id", "secret", "state", "app", "reason"], all.map(row))
}
