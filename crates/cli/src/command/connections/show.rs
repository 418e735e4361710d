use anyhow::Context as _;
use terra_auth::{
    UserId,
    wire::admin::{AdminConnection, RefreshReport},
};

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    ui::{shown, yes_or_no},
};

/// Show the state of a connection: refresh status, last error, and since when
///
/// Apps receive an event when a connection stops working, but none when it works again, because
/// Terra has not published such an event. This command shows both.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections show 00000000-0000-4000-8000-000000000001",
    "terra-auth connections show 00000000-0000-4000-8000-000000000001 --env production --output json | jq .refresh",
])]
pub(crate) struct Args {
    /// User id of the connection, as listed by `terra-auth users list`
    user_id: UserId,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
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
