use anyhow::Context as _;
use jiff::tz::TimeZone;
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::json;
use terra_auth::{Credentials, Provider, ReferenceId, WidgetSessionRequest, admin::is_hosted_server};
use terra_auth_server::widget::Language;
use terra_auth_types::redirect::is_loopback;
use url::Url;

use crate::{
    app::{self, App},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::ui::shown,
};

/// Generate a widget session: a page where an end user chooses a provider and logs in
///
/// The URL works once and usually expires after 15 minutes. It is printed in full. Anyone with the URL
/// can connect an account for that end user.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth generate-widget-session --reference-id alice",
    "terra-auth generate-widget-session --reference-id alice --open --qr",
    "terra-auth generate-widget-session --reference-id alice --providers FITBIT,GARMIN --language de \\",
    "    --success-url https://app.example.com/connected --failure-url https://app.example.com/failed",
])]
pub(crate) struct Args {
    /// Id of the end user in your app; without it, the connection has no reference id
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
    /// URL to redirect to after success: https, loopback, or your app's deep link
    #[arg(long, value_name = "URL")]
    success_url: Option<String>,
    /// URL to redirect to after a failure; the same rules apply
    #[arg(long, value_name = "URL")]
    failure_url: Option<String>,
    /// Offer only these providers; with a single one, the widget skips the list
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    providers: Vec<Provider>,
    /// Language of the pages, such as en, fr or de
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Open the page in a browser on this machine
    #[arg(long)]
    open: bool,
    /// Print a QR code of the URL, for a phone
    #[arg(long)]
    qr: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let (client, dry_run, open, qr) = (app.client()?, self.dry_run, self.open, self.qr);
        self.check_language(&Credentials::load(app.environment)?.api_url)?;
        let request = self.request();
        let what = format!("generate a widget session in {}", app.environment);
        if dry_run.report(app.ui, &what, &json!({ "generate_widget_session": { "environment": app.environment } }))? {
            return Ok(());
        }
        let opened = app::block_on(client.generate_widget_session(&request))?;
        let session = opened.context("could not generate a widget session")?;
        for warning in &session.warnings {
            app.ui.warn(warning)?;
        }
        app.ui.result(|| session.url.to_string(), &session)?;
        let until = session.expires_at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
        app.ui.note(&format!("session {} works once, until {until} UTC", session.session_id))?;
        if qr {
            app.ui.note(&qr_code(&session.url)?)?;
            if is_loopback(&session.url) {
                app.ui
                    .warn("a phone cannot reach this machine's loopback address; use `serve --public-url` instead")?;
            }
        }
        if open {
            open::that_detached(session.url.as_str()).context("could not open a browser; open the URL yourself")?;
        }
        Ok(())
    }

    /// Rejects a language that the user's own server does not have. Such a server would fall back to English.
    fn check_language(&self, api_url: &Url) -> anyhow::Result<()> {
        let Some(language) = self.language.as_deref().filter(|_| !is_hosted_server(api_url)) else {
            return Ok(());
        };
        let tags = Language::ALL.map(Language::tag);
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        if tags.iter().any(|tag| primary(tag) == primary(language)) {
            return Ok(());
        }
        let next = format!("choose one of {}", tags.join(", "));
        Err(CommandError::new(
            FailureKind::Misused,
            format!("the widget does not support the language {}", shown(language)),
            next,
        )
        .into())
    }

    fn request(self) -> WidgetSessionRequest {
        let mut request = WidgetSessionRequest::new().providers(self.providers);
        if let Some(reference_id) = &self.reference_id {
            request = request.reference_id(reference_id);
        }
        if let Some(url) = self.success_url {
            request = request.auth_success_redirect_url(url);
        }
        if let Some(url) = self.failure_url {
            request = request.auth_failure_redirect_url(url);
        }
        if let Some(language) = self.language {
            request = request.language(language);
        }
        request
    }
}

/// A QR code in half blocks, dark on light as scanners expect.
fn qr_code(url: &Url) -> anyhow::Result<String> {
    let code = QrCode::new(url.as_str()).context("the URL is too long for a QR code")?;
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}
