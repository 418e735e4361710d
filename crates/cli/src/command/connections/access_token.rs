use anyhow::Context as _;
use terra_auth::{UserId, wire::admin::IssuedAccessToken};

use crate::{
    app::{self, App},
    command::users::format_minute,
    ui::shown,
};

/// Print the provider's access token for a user, for calls to the provider
///
/// Requires your own server and a key with the scope `access-tokens:read`. The server refreshes the
/// token first if necessary. It is valid for at least one minute, so request it again for each use.
/// The audit log records each request. The token is printed in full.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections access-token 00000000-0000-4000-8000-000000000001",
    "terra-auth connections access-token 00000000-0000-4000-8000-000000000001 --output json",
])]
pub(crate) struct Args {
    /// User id, as listed by `terra-auth users list`
    user_id: UserId,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let issued =
            app::block_on(app.client()?.issue_access_token(self.user_id))?.context("could not get the access token")?;
        app.ui.result(|| issued.access_token.expose().to_owned(), &issued)?;
        Ok(app.ui.note(&expiry_and_scopes(&issued))?)
    }
}

fn expiry_and_scopes(issued: &IssuedAccessToken) -> String {
    let until = issued
        .expires_at
        .map_or_else(|| "the provider gave no expiry".to_owned(), |at| format!("works until {}", format_minute(at)));
    let scopes = issued.scopes.as_deref().map(|scopes| format!("; scopes: {}", shown(scopes))).unwrap_or_default();
    format!("{until}{scopes}")
}
