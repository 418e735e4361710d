//! `terra-auth connections`: imports, exports and inspects the connections of an environment.

mod export;
mod import;
mod progress;
pub(crate) mod row;
mod rows;

use anyhow::Context as _;
use clap::Subcommand;
use futures_util::{StreamExt as _, TryStreamExt as _};
use terra_auth::{
    UserId,
    wire::admin::{AdminConnection, IssuedAccessToken, RefreshReport, RevocationOutcome, RevocationReport},
};

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    terminal::ui::{shown, table, yes_or_no},
};

/// Import, export and inspect the connections of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth connections import grants.csv --dry-run",
    "terra-auth connections export --out connections.ndjson",
    "terra-auth connections show 00000000-0000-4000-8000-000000000001",
    "terra-auth connections revocations",
])]
pub(crate) enum Command {
    Import(import::Args),
    Export(export::Args),
    AccessToken(AccessToken),
    Revocations(Revocations),
    Show(Show),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Import(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::AccessToken(args) => args.run(app),
            Self::Revocations(args) => args.run(app),
            Self::Show(args) => args.run(app),
        }
    }
}

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
pub(crate) struct AccessToken {
    /// User id, as listed by `terra-auth users list`
    user_id: UserId,
}

impl AccessToken {
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

/// List the revocations of removed connections, with the provider's response to each
///
/// The server calls the provider only when the last connection of an account is removed, because at
/// most providers the call would revoke all of them. Reports are stored for 90 days.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections revocations",
    "terra-auth connections revocations --user-id 00000000-0000-4000-8000-000000000001",
    "terra-auth connections revocations --limit 5000 --output json | jq 'map(select(.outcome == \"given_up\"))'",
])]
pub(crate) struct Revocations {
    /// Only the revocation of this connection
    #[arg(long, value_name = "ID")]
    user_id: Option<UserId>,
    /// Maximum number of revocations
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    target: TargetOptions,
}

impl Revocations {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let (target, limit) = (self.target.find(app)?, self.limit as usize);
        let some = target.admin(app)?.revocations(&target.dev_id, self.user_id).take(limit + 1).try_collect::<Vec<_>>();
        let mut reports = app::block_on(some)?.context("could not list the revocations")?;
        let more = reports.len() > limit;
        reports.truncate(limit);
        app.ui.result(|| rows(&reports), &reports)?;
        if more {
            app.ui.warn(&format!("there are more than {limit} revocations; raise --limit to list more"))?;
        }
        Ok(())
    }
}

fn rows(reports: &[RevocationReport]) -> String {
    let row = |report: &RevocationReport| {
        let RevocationReport { user_id, provider, outcome, reason, asked_at, attempts, .. } = report;
        let reason = reason.map_or_else(String::new, |reason| words(reason.as_str()));
        [
            user_id.to_string(),
            provider.to_string(),
            format_minute(*asked_at),
            words(outcome.as_str()),
            reason,
            answer(report),
            attempts.to_string(),
            when(report),
        ]
    };
    let header = ["user_id", "provider", "requested", "outcome", "reason", "response", "attempts", "when"];
    table(header, reports.iter().map(row))
}

fn answer(report: &RevocationReport) -> String {
    let status = report.status.map(|status| status.to_string());
    status.into_iter().chain(report.code.as_deref().map(shown)).collect::<Vec<_>>().join(" ")
}

fn when(report: &RevocationReport) -> String {
    match report.outcome {
        RevocationOutcome::Pending => report.next_attempt_at.map(|at| format!("retry {}", format_minute(at))),
        _ => report.ended_at.map(format_minute),
    }
    .unwrap_or_default()
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Show the state of a connection: refresh status, last error, and since when
///
/// Apps receive an event when a connection stops working, but none when it works again, because
/// Terra has not published such an event. This command shows both.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections show 00000000-0000-4000-8000-000000000001",
    "terra-auth connections show 00000000-0000-4000-8000-000000000001 --env production --output json | jq .refresh",
])]
pub(crate) struct Show {
    /// User id of the connection, as listed by `terra-auth users list`
    user_id: UserId,
    #[command(flatten)]
    target: TargetOptions,
}

impl Show {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let admin = target.admin(app)?;
        let connection = app::block_on(admin.connection(&target.dev_id, self.user_id))?;
        let connection = connection.context("could not look up the connection")?;
        app.ui.result(|| lines(&connection), &connection)
    }
}

fn lines(connection: &AdminConnection) -> String {
    let AdminConnection { user_id, provider, reference_id, active, created_at, refresh } = connection;
    let mut lines = vec![
        ("user_id", user_id.to_string()),
        ("provider", provider.to_string()),
        ("reference_id", reference_id.as_ref().map_or_else(none, |id| shown(&id.to_string()))),
        ("active", yes_or_no(Some(*active)).to_owned()),
        ("connected since", format_minute(*created_at)),
    ];
    match refresh {
        Some(report) => lines.extend(refresh_lines(report)),
        None => lines.push(("refresh", "no tokens".to_owned())),
    }
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| format!("{name:<16} {value}")).collect();
    lines.join("\n")
}

fn refresh_lines(report: &RefreshReport) -> [(&'static str, String); 4] {
    let RefreshReport { state, since, failures, last_error, refreshed_at, next_at } = report;
    let failures = if *failures == 0 { String::new() } else { format!(", {failures} consecutive failures") };
    [
        ("refresh", format!("{} since {}{failures}", state.as_str(), format_minute(*since))),
        (
            "last error",
            last_error.map_or_else(none, |error| format!("{} at {}", error.class.as_str(), format_minute(error.at))),
        ),
        ("last refreshed", refreshed_at.map_or_else(none, format_minute)),
        ("next refresh", next_at.map_or_else(none, format_minute)),
    ]
}

fn none() -> String {
    "–".to_owned()
}
