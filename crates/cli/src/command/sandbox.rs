use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use terra_auth::{Provider, ReferenceId};
use url::Url;

use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
    terminal::{
        browser::{Browser, BrowserResponse, fields},
        ui::shown,
    },
};

/// Simulate an end user at the practice provider of `terra-auth dev`
#[derive(Subcommand)]
pub(crate) enum Command {
    Connect(Connect),
}

/// Connect a practice account through the same pages as in a browser
///
/// Creates a widget session with the environment's keys, signs in at the practice provider, submits
/// its consent page, and prints the Terra user id.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth sandbox connect --provider FITBIT --reference-id user_1",
    "terra-auth sandbox connect --provider OURA --reference-id user_1 --deny",
    "terra-auth sandbox connect --provider STRAVA --account anna --without-scope activity:read_all",
])]
pub(crate) struct Connect {
    /// Provider to connect, such as FITBIT
    #[arg(long, value_name = "NAME")]
    provider: Provider,
    /// Id of the end user in your app
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
    /// Name of the practice account; the same name is the same account
    #[arg(long, value_name = "NAME", default_value = "demo")]
    account: String,
    /// Deny access on the consent page
    #[arg(long)]
    deny: bool,
    /// Deselect a permission on the consent page; repeatable
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
        let end = app::block_on(async {
            let mut request = terra_auth::WidgetSessionRequest::new().providers([self.provider.clone()]);
            if let Some(reference_id) = &self.reference_id {
                request = request.reference_id(reference_id);
            }
            let session = client.generate_widget_session(&request).await?;
            anyhow::Ok(self.follow_login(session.url).await)
        })???;
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

    /// Follows the login from the widget's URL to the final redirect or page.
    async fn follow_login(&self, url: Url) -> anyhow::Result<Url> {
        let mut browser = Browser::default();
        let login = browser.open(url, |_| true).await?;
        let handle = self.handle(&login)?;
        let consent =
            browser.submit(login.url.join("login")?, &[("handle", &handle), ("account", &self.account)]).await?;
        let handle = self.handle(&consent)?;
        let scopes = fields(&consent.text, "scope");
        if let Some(unknown) = self.without_scope.iter().find(|scope| !scopes.contains(scope)) {
            let next = format!("choose from {}", scopes.join(", "));
            return Err(CommandError::new(
                FailureKind::Misused,
                format!("{} has no scope {}", self.provider, shown(unknown)),
                next,
            )
            .into());
        }
        let decision = if self.deny { "deny" } else { "approve" };
        let mut answer = vec![("handle", handle.as_str()), ("decision", decision)];
        let granted = scopes.iter().filter(|scope| !self.without_scope.contains(scope));
        answer.extend(granted.map(|scope| ("scope", scope.as_str())));
        let answered = browser.submit(consent.url.join("consent")?, &answer).await?;
        let back = answered.location.context("the practice provider did not redirect to the widget")?;
        let end = browser.open(back, |_| false).await?;
        match end.location {
            Some(location) => Ok(location),
            None if self.deny => Ok(end.url),
            None => Err(self.unexpected_page_error(&end)),
        }
    }

    fn handle(&self, page: &BrowserResponse) -> anyhow::Result<String> {
        fields(&page.text, "handle").into_iter().next().ok_or_else(|| self.unexpected_page_error(page))
    }

    /// The error for an unexpected page. It names only the host, because the URL may contain the session's secret.
    fn unexpected_page_error(&self, page: &BrowserResponse) -> anyhow::Error {
        let host = page.url.host_str().unwrap_or_default();
        let (Some(title), true) = (heading(&page.text), page.text.contains("class=\"result\"")) else {
            let message = format!("{host} returned {} instead of a page of the practice provider", page.status);
            let next = format!(
                "start `terra-auth dev` or `serve --sandbox`, and use an environment without its own app at {} \
                 (`terra-auth providers app list`)",
                self.provider
            );
            return CommandError::new(FailureKind::Failed, message, next).into();
        };
        let next = match page.status.as_u16() {
            403 => {
                "list the limits with `terra-auth environments list`; raise the limit with \
                 `terra-auth environments set --user-limit`, or delete all users with `terra-auth dev --reset`"
            }
            _ => "open the page in a browser with `terra-auth generate-widget-session`",
        };
        CommandError::new(FailureKind::Failed, format!("not connected; the widget shows: {title}"), next).into()
    }
}

/// The text of a page's first heading.
fn heading(html: &str) -> Option<String> {
    let (_, after) = html.split_once("<h1")?;
    let (_, text) = after.split_once('>')?;
    let (text, _) = text.split_once("</h1>")?;
    Some(shown(&text.replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&")))
}
