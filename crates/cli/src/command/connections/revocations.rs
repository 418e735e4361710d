use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _};
use terra_auth::{
    UserId,
    wire::admin::{RevocationOutcome, RevocationReport},
};

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    ui::{shown, table},
};

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
pub(crate) struct Args {
    /// Only the revocation of this connection
    #[arg(long, value_name = "ID")]
    user_id: Option<UserId>,
    /// Maximum number of revocations
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
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
