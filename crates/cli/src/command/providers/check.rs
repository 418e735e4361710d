use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use serde_json::{Value, json};
use terra_auth::{Provider, wire::admin::AppCheckVerdict};
use terra_auth_egress::AddressPolicy;
use terra_auth_model::{
    causes::Causes,
    clock::SystemClock,
    provider::{AppCheck, Providers as _},
};
use terra_auth_providers::OAuthProviders;
use url::Url;

use super::RecipePaths;
use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
    service::provider_files::apps,
    terminal::ui::table,
};

/// Check whether the providers accept your apps, before you pass the apps to a server
///
/// These are the apps for all environments. For an environment's own apps, which only its server knows,
/// use `providers app check`. The command sends each provider an invalid login code. The error in the
/// response shows whether the provider rejected the code or the app. Exits with 3 if an app is
/// rejected, and with 5 if a provider cannot be reached.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers check --provider-apps apps.toml --public-url https://auth.acme.example",
    "terra-auth providers check OURA WHOOP --provider-apps apps.toml --public-url https://auth.acme.example",
])]
pub(crate) struct Args {
    /// Providers to check, such as OURA [default: all with an app]
    names: Vec<Provider>,
    /// Your app at each provider, as for `serve --provider-apps`
    #[arg(long, value_name = "FILE")]
    provider_apps: PathBuf,
    /// URL of the server for browsers, as for `serve --public-url`; some providers also check the redirect URL
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_PUBLIC_URL")]
    public_url: Url,
    /// Allow calls to private addresses
    #[arg(long)]
    allow_private_addresses: bool,
    #[command(flatten)]
    paths: RecipePaths,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let apps = apps::read(&self.provider_apps)?;
        let names = if self.names.is_empty() {
            apps.keys()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()
                .context("the file of apps contains an invalid provider name")?
        } else {
            self.names.clone()
        };
        let policy = if self.allow_private_addresses { AddressPolicy::AllowPrivate } else { AddressPolicy::Public };
        let app_of = |provider: &Provider| apps.get(provider.as_str()).map(|app| app.credentials.clone());
        let providers = OAuthProviders::new(self.paths.recipes()?, app_of, policy, Arc::new(SystemClock))?;
        let checks = app::block_on(self.check_apps(&providers, &names))??;
        let header = ["PROVIDER", "APP", "REASON"];
        let json = json!({ "apps": checks.iter().map(CheckedApp::json).collect::<Vec<_>>() });
        app.ui.result(|| table(header, checks.iter().map(CheckedApp::cells)), &json)?;
        check_verdicts(checks.iter().map(|checked| (&checked.provider, checked.check.verdict())))
    }

    async fn check_apps(&self, providers: &OAuthProviders, names: &[Provider]) -> anyhow::Result<Vec<CheckedApp>> {
        let mut checks = Vec::new();
        for provider in names {
            let way_back = self.public_url.join(&format!("/auth/{}/oauth2", provider.slug()))?;
            let check = providers.check_app(provider, None, way_back).await.map_err(|_| {
                let next = "list the recipes with `terra-auth providers list`, and add its app to the file";
                CommandError::new(FailureKind::NotFound, format!("there is no recipe or no app for {provider}"), next)
            })?;
            checks.push(CheckedApp { provider: provider.clone(), check });
        }
        Ok(checks)
    }
}

struct CheckedApp {
    provider: Provider,
    check: AppCheck,
}

impl CheckedApp {
    fn cells(&self) -> [String; 3] {
        [self.provider.to_string(), self.check.verdict().as_str().to_owned(), Causes(&self.check).to_string()]
    }

    fn json(&self) -> Value {
        json!({ "provider": self.provider, "app": self.check.verdict(), "why": Causes(&self.check).to_string() })
    }
}

/// Returns an error if an app was rejected, else if a provider could not be reached.
pub(super) fn check_verdicts<'a>(
    verdicts: impl Iterator<Item = (&'a Provider, AppCheckVerdict)>,
) -> anyhow::Result<()> {
    let verdicts: Vec<_> = verdicts.collect();
    let with = |wanted: AppCheckVerdict| {
        let found = verdicts.iter().filter(|(_, verdict)| *verdict == wanted);
        found.map(|(provider, _)| provider.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (refused, unreachable) = (with(AppCheckVerdict::Refused), with(AppCheckVerdict::Unreachable));
    if !refused.is_empty() {
        let next = "compare client id, secret and profile with the provider's developer page";
        return Err(CommandError::new(FailureKind::NotAllowed, format!("rejected: {refused}"), next).into());
    }
    if !unreachable.is_empty() {
        let next = "check the network of the machine that made the call, and the recipe's token_url";
        return Err(CommandError::new(FailureKind::NoAnswer, format!("unreachable: {unreachable}"), next).into());
    }
    Ok(())
}
