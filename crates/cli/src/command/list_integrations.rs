use anyhow::Context as _;
use terra_auth::Integration;

use crate::{
    app::{self, App},
    ui::{shown, table},
};

/// List the providers of the environment, in the order of the widget
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth list-integrations",
    "terra-auth list-integrations --providers-only",
    "terra-auth list-integrations --output json | jq -r '.[] | select(.types.sleep) | .name'",
])]
pub(crate) struct Args {
    /// Only the names that `--providers` of `generate-widget-session` takes, one a line
    #[arg(long)]
    providers_only: bool,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let integrations = app::wait(client.list_integrations())?.context("could not list the integrations")?;
        if self.providers_only {
            let names: Vec<&str> = integrations.iter().map(|integration| &*integration.resource).collect();
            return app.ui.result(|| shown(&names.join("\n")), &names);
        }
        app.ui.result(|| rows(&integrations), &integrations)
    }
}

fn rows(integrations: &[Integration]) -> String {
    let row = |integration: &Integration| {
        let Integration { name, resource, logo_url, .. } = integration;
        [name.clone(), resource.clone(), logo_url.clone().unwrap_or_default()]
    };
    table(["name", "resource", "logo_url"], integrations.iter().map(row))
}
