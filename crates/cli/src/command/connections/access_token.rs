use anyhow::Context as _;
use terra_auth::{UserId, wire::admin::LentAccessToken};

use crate::{
    app::{self, App},
    command::users::minute,
    ui::shown,
};

/// Get the access token that the provider gave for a user, to call the provider with it
///
/// For a server of your own, with a key that has the scope `access-tokens:lend`. The token is refreshed first if it must be,
/// and works for a minute at least: borrow it again for each use. Each loan is a line in the audit log. The token is printed
/// whole: it is the result.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections access-token 00000000-0000-4000-8000-000000000001",
    "terra-auth connections access-token 00000000-0000-4000-8000-000000000001 --output json",
])]
pub(crate) struct Args {
    /// The user, as `terra-auth users list` shows it
    user_id: UserId,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let lent = app::wait(app.client()?.lend_access_token(self.user_id))?.context("could not borrow the token")?;
        app.ui.result(|| lent.access_token.expose().to_owned(), &lent)?;
        Ok(app.ui.note(&terms(&lent))?)
    }
}

fn terms(lent: &LentAccessToken) -> String {
    let until = lent.expires_at.map_or_else(
        || "the provider does not say how long it works".to_owned(),
        |at| format!("works until {}", minute(at)),
    );
    let scopes = lent.scopes.as_deref().map(|scopes| format!("; scopes: {}", shown(scopes))).unwrap_or_default();
    format!("{until}{scopes}")
}
