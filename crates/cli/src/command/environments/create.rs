use anyhow::Context as _;
use terra_auth::wire::admin::CreateEnvironment;

use crate::{
    app::{self, App},
    command::admin::access::Access,
};

/// Make an environment of the kind that --env names; its credentials are printed once
///
/// What is printed has the form of a credential file, but for the server's address, which `terra-auth setup-environment`
/// writes together with them.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments create --env staging --name Acme --server https://auth.acme.example",
    "terra-auth environments create --name \"Acme, second team\" --output json",
])]
pub(crate) struct Args {
    /// What the widget calls the app
    #[arg(long)]
    name: String,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let new = CreateEnvironment { environment: app.environment, name: self.name };
        let issued = app::wait(self.access.open(app)?.create_environment(&new))?;
        let issued = issued.context("could not make an environment")?;
        let lines = || {
            let (dev_id, api_key, secret) = (&issued.dev_id, issued.api_key.expose(), issued.signing_secret.expose());
            format!("TERRA_DEV_ID={dev_id}\nTERRA_API_KEY={api_key}\nTERRA_SIGNING_SECRET={secret}")
        };
        app.ui.result(lines, &issued)?;
        Ok(app.ui.note("shown only now: keep them safe")?)
    }
}
