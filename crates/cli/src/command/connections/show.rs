use anyhow::Context as _;
use terra_auth::{
    UserId,
    wire::admin::{AdminConnection, RefreshReport},
};

use crate::{
    app::{self, App},
    command::{keys::Whose, users::minute},
    ui::{shown, yes_or_no},
};

/// Show how a connection stands: whether its tokens are refreshed, what failed last, since when it works
///
/// Apps are told when a connection stops working, and not when it works again, as no event has been published for that.
/// Here it is told: the state is fine since then.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections show 00000000-0000-4000-8000-000000000001",
    "terra-auth connections show 00000000-0000-4000-8000-000000000001 --env production --output json | jq .refresh",
])]
pub(crate) struct Args {
    /// The connection, as `terra-auth users list` shows it
    user_id: UserId,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let owner = self.whose.find(app)?;
        let admin = owner.admin(app)?;
        let connection = app::wait(admin.connection(&owner.dev_id, self.user_id))?;
        let connection = connection.context("could not look the connection up")?;
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
        ("connected since", minute(*created_at)),
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
    let failures = if *failures == 0 { String::new() } else { format!(", {failures} failed in a row") };
    [
        ("refresh", format!("{} since {}{failures}", state.as_str(), minute(*since))),
        (
            "last error",
            last_error.map_or_else(none, |error| format!("{} at {}", error.class.as_str(), minute(error.at))),
        ),
        ("last refreshed", refreshed_at.map_or_else(none, minute)),
        ("next look", next_at.map_or_else(none, minute)),
    ]
}

fn none() -> String {
    "–".to_owned()
}
