use serde_json::json;
use terra_auth::credentials::{API_KEY, API_URL, DEV_ID, SIGNING_SECRET, STREAMING_URL, WIDGET_URL, Written};

use super::secret::keeper;
use crate::{
    app::{self, App},
    command::users::minute,
    ui::table,
    verified,
};

/// Show what an environment's keys and addresses are, and where each comes from
///
/// A secret is masked unless --reveal is given. One that is kept elsewhere is asked for, so this shows whether it is there.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env show",
    "terra-auth env show --env production --output json",
    "terra-auth env show --reveal",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let written = app::written(app.environment)?;
        let from = Origins::of(&written);
        let verified = verified::last(&written);
        let credentials = written.read()?;
        credentials.notices.iter().try_for_each(|notice| app.ui.warn(notice))?;
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
        let verified = ["last verified".to_owned(), verified.map_or_else(|| "never".to_owned(), minute), String::new()];
        let rows = [environment].into_iter().chain(rows).chain([verified]);
        app.ui.result(|| table(["name", "value", "from"], rows), &json)
    }
}

/// Where each value comes from, in the order in which they are shown; nothing for one that is not there.
struct Origins([Option<String>; 6]);

impl Origins {
    fn of(written: &Written) -> Self {
        let keys = [DEV_ID, API_KEY, SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];
        Self(keys.map(|key| match written.text(key) {
            Some(_) => {
                let keeper = keeper(written, key).map(|keeper| format!("{keeper}, by ")).unwrap_or_default();
                Some(format!("{keeper}{}", written.place(key)))
            }
            None if key == API_URL => Some("the hosted API".to_owned()),
            None if [WIDGET_URL, STREAMING_URL].contains(&key) => Some("goes with the API".to_owned()),
            None => None,
        }))
    }
}
