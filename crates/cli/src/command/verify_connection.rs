use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use terra_auth::credentials::Written;

use crate::{
    app::{self, App},
    verified,
};

/// Check that the API answers and accepts the keys
///
/// Makes a call that only both keys open, then counts the providers that the environment offers.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth verify-connection",
    "terra-auth verify-connection --env production --output json",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let integrations = app::wait(client.verify_connection())?.context("could not verify the connection")?;
        let written = Written::find(app.environment, Path::new(""), &|name| std::env::var(name).ok())?;
        verified::remember(&written);
        let providers = integrations.iter().filter(|integration| integration.enabled).count();
        let (environment, dev_id) = (client.environment(), client.dev_id());
        let json = json!({ "connected": true, "providers": providers, "environment": environment, "dev_id": dev_id });
        app.ui.result(|| format!("Connected! {providers} providers available"), &json)
    }
}
