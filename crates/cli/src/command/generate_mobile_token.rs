use anyhow::Context as _;
use terra_auth::ReferenceId;

use crate::app::{self, App};

/// Mint a token with which the mobile SDK opens one connection
///
/// The token works once, for three minutes, so mint it when the app asks for it. It is printed whole: it is the result.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth generate-mobile-token",
    "terra-auth generate-mobile-token --reference-id alice --output json",
])]
pub(crate) struct Args {
    /// Bind the token to this end user, whatever the app says; your own name for them
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let minted = app::wait(client.generate_mobile_token(self.reference_id.as_ref()))?;
        let token = minted.context("could not generate a mobile token")?;
        app.ui.result(|| token.token.expose().to_owned(), &token)?;
        Ok(app.ui.note(&format!("works once, for {} s", token.expires_in))?)
    }
}
