use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Scope, wire::admin::CreateKey};

use super::{Whose, names};
use crate::{
    app::{self, App},
    command::users::minute,
    dry_run::DryRun,
    ui::shown,
};

/// Create one more key, which is printed once
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys create --name backend",
    "terra-auth keys create --name reports --scope connections:read --expires-in-days 90",
    "terra-auth keys create --name mobile-gateway --scope auth:write,providers:read",
    "terra-auth keys create --name sync-worker --scope access-tokens:lend",
])]
pub(crate) struct Args {
    /// What to call it, such as the service that uses it
    #[arg(long)]
    name: String,
    /// What it may be used for; all but `access-tokens:lend` unless given. May be repeated
    ///
    /// `auth:write` makes widget sessions and tokens, `connections:read` looks users up, `connections:write` deauthenticates
    /// them, `providers:read` lists the providers, `webhooks:write` changes where events are posted. `access-tokens:lend`, which no
    /// key has unless told so, borrows the access tokens that providers gave for the users.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// When it stops working; never unless given
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=1825))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, scope, expires_in_days, dry_run, whose } = self;
        let owner = whose.find(app)?;
        let scopes = (!scope.is_empty()).then(|| scope.into_iter().collect());
        let new = CreateKey { name, scopes, expires_in_days };
        let what = format!("create a key called {} for {}", shown(&new.name), owner.dev_id);
        if dry_run.stops(app.ui, &what, &json!({ "create_key": new, "dev_id": owner.dev_id }))? {
            return Ok(());
        }
        let issued = app::wait(owner.admin(app)?.create_api_key(&owner.dev_id, &new))?;
        let issued = issued.context("could not create a key")?;
        app.ui.result(|| issued.api_key.expose().to_owned(), &issued)?;
        let ends = issued.key.expires_at.map(|at| format!(", works until {}", minute(at))).unwrap_or_default();
        let (key_id, scopes) = (issued.key.key_id, names(issued.key.scopes));
        Ok(app.ui.note(&format!("key {key_id} of {}, scopes: {scopes}{ends}; shown only now", issued.dev_id))?)
    }
}
