use anyhow::Context as _;
use terra_auth::Integration;

use crate::{
    app::{self, App},
    terminal::ui::{shown, table, yes_or_no},
};

/// List the providers of the environment, in the order of the widget
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth list-integrations",
    "terra-auth list-integrations --providers-only",
    "terra-auth list-integrations --output json | jq -r '.[] | select(.types.sleep) | .name'",
])]
pub(crate) struct Args {
    /// Print only the names of enabled providers, one per line, as for `generate-widget-session --providers`
    #[arg(long)]
    providers_only: bool,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let integrations = app::block_on(client.list_integrations())?.context("could not list the integrations")?;
        if self.providers_only {
            let enabled = integrations.iter().filter(|integration| integration.enabled);
            let names: Vec<&str> = enabled.map(|integration| &*integration.resource).collect();
            return app.ui.result(|| names.iter().copied().map(shown).collect::<Vec<_>>().join("\n"), &names);
        }
        app.ui.result(|| rows(&integrations), &integrations)
    }
}

fn rows(integrations: &[Integration]) -> String {
    let row = |integration: &Integration| {
        let Integration { name, resource, enabled, .. } = integration;
        [shown(name), shown(resource), yes_or_no(Some(*enabled)).to_owned()]
    };
    table(["name", "provider", "enabled"], integrations.iter().map(row))
}
