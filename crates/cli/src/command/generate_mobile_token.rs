use anyhow::Context as _;
use serde_json::json;
use terra_auth::ReferenceId;

use crate::{
    app::{self, App},
    dry_run::DryRun,
    terminal::ui::shown,
};

/// Generate a mobile token, with which the mobile SDK opens one connection
///
/// The token works once and expires after three minutes, so generate it when the app requests it. It
/// is printed in full.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth generate-mobile-token",
    "terra-auth generate-mobile-token --reference-id alice --output json",
])]
pub(crate) struct Args {
    /// Bind the token to the end user with this id in your app; the device cannot choose another one
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let bound =
            self.reference_id.as_ref().map(|id| format!(" bound to {}", shown(id.as_str()))).unwrap_or_default();
        let what = format!("generate a mobile token in {}{bound}", app.environment);
        let json = json!({ "generate_mobile_token": { "reference_id": self.reference_id } });
        if self.dry_run.report(app.ui, &what, &json)? {
            return Ok(());
        }
        let generated = app::block_on(client.generate_mobile_token(self.reference_id.as_ref()))?;
        let token = generated.context("could not generate a mobile token")?;
        app.ui.result(|| token.token.expose().to_owned(), &token)?;
        Ok(app.ui.note(&format!("works once, for {} s", token.expires_in))?)
    }
}
