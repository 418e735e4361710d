use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    credentials::{API_KEY, API_URL, DEV_ID, SIGNING_SECRET},
    wire::admin::CreateEnvironment,
};

use crate::{
    app::{self, App},
    command::admin::access::AdminOptions,
    dry_run::DryRun,
    ui::shown,
};

/// Create an environment of the type given with --env, and print its credentials once
///
/// The output is a complete credential file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments create --env staging --name Acme --server https://auth.acme.example",
    "terra-auth environments create --name \"Acme, second team\" --output json",
    "terra-auth environments create --env production --name Acme --bound-tokens-only",
])]
pub(crate) struct Args {
    /// Name of the app in the widget
    #[arg(long)]
    name: String,
    /// Reject mobile tokens that were not created for a reference id
    #[arg(long)]
    bound_tokens_only: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, bound_tokens_only, dry_run, access } = self;
        let server = access.server(app)?;
        let new = CreateEnvironment { environment: app.environment, name, bound_tokens_only };
        let what = format!("create a {} environment called {} at {}", new.environment, shown(&new.name), *server);
        if dry_run.report(app.ui, &what, &json!({ "create_environment": new }))? {
            return Ok(());
        }
        let issued = app::block_on(access.client_for(app, &server)?.create_environment(&new))?;
        let issued = issued.context("could not create an environment")?;
        let api_url = server.join("/v2")?;
        let lines = || {
            let (dev_id, api_key, secret) = (&issued.dev_id, issued.api_key.expose(), issued.signing_secret.expose());
            format!("{DEV_ID}={dev_id}\n{API_KEY}={api_key}\n{SIGNING_SECRET}={secret}\n{API_URL}={api_url}")
        };
        app.ui.result(lines, &issued)?;
        Ok(app.ui.note("store them safely; they are not shown again")?)
    }
}
