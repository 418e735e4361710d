use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use terra_auth::{Provider, ReferenceId};
use url::Url;

use crate::{
    app::{self, App},
    browser::{Browser, Visited, fields},
};

/// Play the end user at the practice provider of `terra-auth dev`
#[derive(Subcommand)]
pub(crate) enum Command {
    Connect(Connect),
}

/// Connect a practice account, by the very pages a browser shows
///
/// Makes a widget session with the keys of the environment, signs in at the sandbox, answers its consent page, and
/// prints the Terra user id.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth sandbox connect --provider FITBIT --reference-id user_1",
    "terra-auth sandbox connect --provider OURA --reference-id user_1 --deny",
    "terra-auth sandbox connect --provider STRAVA --account anna --without-scope activity:read_all",
])]
pub(crate) struct Connect {
    /// The provider to connect, such as FITBIT
    #[arg(long, value_name = "NAME")]
    provider: Provider,
    /// Your own id of the end user
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
    /// Who signs in at the sandbox; the same name is the same account
    #[arg(long, value_name = "NAME", default_value = "demo")]
    account: String,
    /// Say no on the consent page
    #[arg(long)]
    deny: bool,
    /// Untick a permission on the consent page; may be repeated
    #[arg(long, value_name = "SCOPE")]
    without_scope: Vec<String>,
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self::Connect(connect) = self;
        connect.run(app)
    }
}

impl Connect {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let end = app::wait(async {
            let mut request = terra_auth::WidgetSessionRequest::new().providers([self.provider.clone()]);
            if let Some(reference_id) = &self.reference_id {
                request = request.reference_id(reference_id);
            }
            let session = client.generate_widget_session(&request).await?;
            self.walk(session.url).await
        })??;
        let found = |name: &str| end.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        match found("user_id") {
            Some(user_id) => app.ui.result(
                || user_id.clone(),
                &json!({ "connected": true, "user_id": user_id, "reference_id": self.reference_id, "provider": self.provider }),
            ),
            None => app.ui.result(
                || "not connected: access denied".to_owned(),
                &json!({ "connected": false, "reason": "access_denied", "reference_id": self.reference_id, "provider": self.provider }),
            ),
        }
    }

    /// From the widget's URL to the page where the way ends.
    async fn walk(&self, url: Url) -> anyhow::Result<Url> {
        let mut browser = Browser::default();
        let login = browser.open(url, |_| true).await?;
        let handle = handle(&login)?;
        let consent =
            browser.submit(login.url.join("login")?, &[("handle", &handle), ("account", &self.account)]).await?;
        let handle = self::handle(&consent)?;
        let scopes = fields(&consent.text, "scope");
        let decision = if self.deny { "deny" } else { "approve" };
        let mut answer = vec![("handle", handle.as_str()), ("decision", decision)];
        let granted = scopes.iter().filter(|scope| !self.without_scope.contains(scope));
        answer.extend(granted.map(|scope| ("scope", scope.as_str())));
        let answered = browser.submit(consent.url.join("consent")?, &answer).await?;
        let back = answered.location.context("the sandbox did not send us back")?;
        let end = browser.open(back, |_| false).await?;
        match end.location {
            Some(location) => Ok(location),
            None if self.deny => Ok(end.url),
            None => anyhow::bail!("the login ended with status {} instead of a connection", end.status),
        }
    }
}

fn handle(page: &Visited) -> anyhow::Result<String> {
    let handle = fields(&page.text, "handle").into_iter().next();
    handle.with_context(|| {
        format!(
            "{} (status {}) is no page of the sandbox; is TERRA_API_URL a `terra-auth dev`?",
            page.url.path(),
            page.status
        )
    })
}
