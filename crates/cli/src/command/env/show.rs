use serde_json::json;
use terra_auth::credentials::{
    API_KEY, API_URL, DEV_ID, SIGNING_SECRET, STREAMING_URL, UnresolvedCredentials, WIDGET_URL,
};

use super::secret::external_reference;
use crate::{
    app::{self, App},
    command::users::format_minute,
    ui::table,
    verified,
};

/// Show an environment's keys and addresses, and the source of each
///
/// Secrets are masked unless --reveal is given. References to external secrets are resolved, so the
/// command fails if one cannot be read.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env show",
    "terra-auth env show --env production --output json",
    "terra-auth env show --reveal",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let written = app::unresolved_credentials(app.environment)?;
        let from = Origins::of(&written);
        let verified = verified::last_verified(&written);
        let credentials = written.resolve()?;
        credentials.warnings.iter().try_for_each(|notice| app.ui.warn(notice))?;
        let secret = credentials.signing_secret.as_ref().map(|secret| app.ui.masked(secret.expose()));
        let values = [
            ("dev-id", "dev_id", Some(credentials.dev_id.to_string())),
            ("API key", "api_key", Some(app.ui.masked(credentials.api_key.expose()))),
            ("signing secret", "signing_secret", secret),
            ("API", "api_url", Some(credentials.api_url.to_string())),
            ("widget", "widget_url", Some(credentials.widget_url.to_string())),
            ("streaming", "streaming_url", Some(credentials.streaming_url.to_string())),
        ];
        let mut json = json!({ "environment": app.environment, "last_verified": verified });
        for ((_, name, value), from) in values.iter().zip(&from.0) {
            json[name] = json!({ "value": value, "from": from });
        }
        let rows = values.iter().zip(from.0).map(|((name, _, value), from)| {
            [(*name).to_owned(), value.clone().unwrap_or_else(|| "–".to_owned()), from.unwrap_or_default()]
        });
        let environment = ["environment".to_owned(), app.environment.to_string(), String::new()];
        let verified =
            ["last verified".to_owned(), verified.map_or_else(|| "never".to_owned(), format_minute), String::new()];
        let rows = [environment].into_iter().chain(rows).chain([verified]);
        app.ui.result(|| table(["name", "value", "from"], rows), &json)
    }
}

/// The source of each value, in display order. `None` for a missing value.
struct Origins([Option<String>; 6]);

impl Origins {
    fn of(written: &UnresolvedCredentials) -> Self {
        let keys = [DEV_ID, API_KEY, SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];
        Self(keys.map(|key| match written.text(key) {
            Some(_) => {
                let keeper =
                    external_reference(written, key).map(|keeper| format!("{keeper}, by ")).unwrap_or_default();
                Some(format!("{keeper}{}", written.location(key)))
            }
            None if key == API_URL => Some("the hosted API".to_owned()),
            None if [WIDGET_URL, STREAMING_URL].contains(&key) => Some("derived from the API".to_owned()),
            None => None,
        }))
    }
}
