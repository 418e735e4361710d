use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use serde_json::{Value, json};
use terra_auth::{Provider, wire::admin::AppVerdict};
use terra_auth_core::{
    causes::Causes,
    clock::SystemClock,
    provider::{AppCheck, Providers as _},
};
use terra_auth_outbound::{AddressPolicy, OAuthProviders};
use url::Url;

use super::{Places, apps};
use crate::{
    app::{self, App},
    failure::{Advice, Kind},
    ui::table,
};

/// Ask the providers whether they know your apps for all environments, before a server has them
///
/// For an environment's own apps, which only its server knows, there is `providers app check`. Each provider is sent a login code that it never gave, and says with its refusal whether it minds the code or the app. Exits with
/// 3 if an app is refused, and with 5 if a provider cannot be reached.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers check --provider-apps apps.toml --public-url https://auth.acme.example",
    "terra-auth providers check OURA WHOOP --provider-apps apps.toml --public-url https://auth.acme.example",
])]
pub(crate) struct Args {
    /// The providers to ask, such as OURA; by default all that have an app
    names: Vec<Provider>,
    /// Your app at each provider, as `serve --provider-apps` takes them
    #[arg(long, value_name = "FILE")]
    provider_apps: PathBuf,
    /// Where browsers find the server, as `serve --public-url` takes it: a provider may look at the way back too
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_PUBLIC_URL")]
    public_url: Url,
    /// Call private addresses too
    #[arg(long)]
    allow_private_addresses: bool,
    #[command(flatten)]
    places: Places,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let apps = apps::read(&self.provider_apps)?;
        let names = if self.names.is_empty() {
            apps.keys()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()
                .context("a name in the file of apps is odd")?
        } else {
            self.names.clone()
        };
        let policy = if self.allow_private_addresses { AddressPolicy::AllowPrivate } else { AddressPolicy::Public };
        let app_of = |provider: &Provider| apps.get(provider.as_str()).map(|app| app.credentials.clone());
        let providers = OAuthProviders::new(self.places.recipes()?, app_of, policy, Arc::new(SystemClock))?;
        let checks = app::wait(self.ask(&providers, &names))??;
        let header = ["PROVIDER", "APP", "WHY"];
        let json = json!({ "apps": checks.iter().map(Checked::json).collect::<Vec<_>>() });
        app.ui.result(|| table(header, checks.iter().map(Checked::cells)), &json)?;
        judge(checks.iter().map(|checked| (&checked.provider, checked.check.verdict())))
    }

    async fn ask(&self, providers: &OAuthProviders, names: &[Provider]) -> anyhow::Result<Vec<Checked>> {
        let mut checks = Vec::new();
        for provider in names {
            let way_back = self.public_url.join(&format!("/auth/{}/oauth2", provider.slug()))?;
            let check = providers.check_app(provider, None, way_back).await.map_err(|_| {
                let next = "see the recipes with `terra-auth providers list`, and give its app in the file";
                Advice::new(Kind::NotFound, format!("there is no recipe or no app for {provider}"), next)
            })?;
            checks.push(Checked { provider: provider.clone(), check });
        }
        Ok(checks)
    }
}

struct Checked {
    provider: Provider,
    check: AppCheck,
}

impl Checked {
    fn cells(&self) -> [String; 3] {
        [self.provider.to_string(), self.check.verdict().as_str().to_owned(), Causes(&self.check).to_string()]
    }

    fn json(&self) -> Value {
        json!({ "provider": self.provider, "app": self.check.verdict(), "why": Causes(&self.check).to_string() })
    }
}

/// Fails if an app is refused, and else if a provider is not reached.
pub(super) fn judge<'a>(verdicts: impl Iterator<Item = (&'a Provider, AppVerdict)>) -> anyhow::Result<()> {
    let verdicts: Vec<_> = verdicts.collect();
    let with = |wanted: AppVerdict| {
        let found = verdicts.iter().filter(|(_, verdict)| *verdict == wanted);
        found.map(|(provider, _)| provider.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (refused, unreachable) = (with(AppVerdict::Refused), with(AppVerdict::Unreachable));
    if !refused.is_empty() {
        let next = "compare client id, secret and profile with the provider's page for developers";
        return Err(Advice::new(Kind::NotAllowed, format!("refused: {refused}"), next).into());
    }
    if !unreachable.is_empty() {
        let next = "look at the server's way out, and at the recipe's token_url";
        return Err(Advice::new(Kind::NoAnswer, format!("unreachable: {unreachable}"), next).into());
    }
    Ok(())
}
