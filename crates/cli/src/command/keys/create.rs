use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Scope, wire::admin::CreateKey};

use super::{TargetOptions, scope_names};
use crate::{
    app::{self, App},
    command::users::format_minute,
    dry_run::DryRun,
    ui::shown,
};

/// Create an API key and print it once
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys create --name backend",
    "terra-auth keys create --name reports --scope connections:read --expires-in-days 90",
    "terra-auth keys create --name mobile-gateway --scope auth:write,providers:read",
    "terra-auth keys create --name sync-worker --scope access-tokens:read",
])]
pub(crate) struct Args {
    /// Name of the key, such as the service that uses it
    #[arg(long)]
    name: String,
    /// Scope of the key, repeatable [default: all except `access-tokens:read`]
    ///
    /// `auth:write` creates widget sessions and mobile tokens. `connections:read` looks up users, and
    /// `connections:write` deauthenticates them. `providers:read` lists the providers.
    /// `webhooks:write` changes the webhook destination. `access-tokens:read` reads the users' access
    /// tokens for the providers; it is not granted by default.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// Number of days until the key expires [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=1825))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, scope, expires_in_days, dry_run, target } = self;
        let target = target.find(app)?;
        let scopes = (!scope.is_empty()).then(|| scope.into_iter().collect());
        let new = CreateKey { name, scopes, expires_in_days };
        let what = format!("create a key called {} for {}", shown(&new.name), target.dev_id);
        if dry_run.report(app.ui, &what, &json!({ "create_key": new, "dev_id": target.dev_id }))? {
            return Ok(());
        }
        let issued = app::block_on(target.admin(app)?.create_api_key(&target.dev_id, &new))?;
        let issued = issued.context("could not create a key")?;
        app.ui.result(|| issued.api_key.expose().to_owned(), &issued)?;
        let ends = issued.key.expires_at.map(|at| format!(", works until {}", format_minute(at))).unwrap_or_default();
        let (key_id, scopes) = (issued.key.key_id, scope_names(issued.key.scopes));
        Ok(app.ui.note(&format!("key {key_id} of {}, scopes: {scopes}{ends}; it is not shown again", issued.dev_id))?)
    }
}
