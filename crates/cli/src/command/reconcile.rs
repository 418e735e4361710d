use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use terra_auth_gateway::{Drift, DriftReport, Progress, ReconcileError, ReconcileOptions, reconcile};
use terra_auth_model::clock::SystemClock;

use crate::{
    app::{self, App},
    command::gateway::GatewayPaths,
    failure::{CommandError, FailureKind},
    terminal::ui::{Ui, shown, table},
};

/// Reconcile the gateway's connections with those of the API
///
/// They differ if the gateway missed an event, for example while it was down. Without --repair, the
/// command only reports the differences. The gateway may be running; it reconciles by itself every
/// hour, see [reconcile] in gateway.toml. A connection counts as gone only if the API confirms it for
/// that connection; a failed call changes nothing.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth reconcile --env production",
    "terra-auth reconcile --repair",
    "terra-auth reconcile --output json | jq '.missing.count'",
])]
pub(crate) struct Args {
    /// Update the gateway's connections to match the API
    #[arg(long)]
    repair: bool,
    /// Apply even if most known connections are missing (usually a sign of the wrong keys)
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    paths: GatewayPaths,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { repair, force, paths } = self;
        let client = app.client()?;
        let meter = ProgressMeter::new(app.ui);
        let progress = |so_far| meter.report(so_far);
        let options = ReconcileOptions { repair, force, progress: &progress };
        let drift = app::block_on(async {
            let inbox = paths.inbox(app.environment).await?;
            reconcile(&client, &inbox, &SystemClock, options).await.map_err(reconcile_error)
        })??;
        app.ui.result(|| plain(&drift), &drift)?;
        check_drift(&drift, repair)
    }
}

fn reconcile_error(error: ReconcileError) -> anyhow::Error {
    match error {
        ReconcileError::List(error) => {
            anyhow::Error::new(error).context("could not compare: the list of users was not read completely")
        }
        ReconcileError::Repeats => CommandError::new(
            FailureKind::Failed,
            error.to_string(),
            "run it again; if the error persists, contact the operator of the API",
        )
        .into(),
        ReconcileError::Suspicious { .. } => {
            let next = "select the gateway's environment with --env; if these users are really gone, add --force";
            CommandError::new(FailureKind::Failed, error.to_string(), next).into()
        }
        ReconcileError::Store(error) => anyhow::Error::new(error).context("could not use the gateway's store"),
    }
}

fn check_drift(drift: &Drift, repair: bool) -> anyhow::Result<()> {
    let (message, next) = match (repair, drift.is_open()) {
        _ if drift.is_none() => return Ok(()),
        (true, false) => return Ok(()),
        (_, true) => ("some connections could not be checked, and were not changed", "run it again later"),
        (false, false) => ("the gateway's connections differ from those of the API", "run it again with --repair"),
    };
    Err(CommandError::new(FailureKind::FoundWarnings, message, next).into())
}

fn plain(drift: &Drift) -> String {
    let Drift { upstream, known, missing, changed, gone, unknown, not_asked, repaired } = drift;
    if drift.is_none() {
        return format!("No differences: the gateway knows all {upstream} users of the API");
    }
    let rows = [rows("missing", missing), rows("changed", changed), rows("gone", gone)];
    let counts = [
        ("API users", *upstream),
        ("known connections", *known),
        ("missing", missing.count),
        ("changed", changed.count),
        ("gone", gone.count),
        ("inconclusive", *unknown),
        ("not checked", *not_asked),
        ("repaired", *repaired),
    ];
    let counts = counts.map(|(what, count)| format!("{what:<18} {count}")).join("\n");
    if rows.iter().all(Vec::is_empty) {
        return counts;
    }
    format!("{}\n\n{counts}", table(["", "user_id", "provider", "reference_id"], rows.concat()))
}

fn rows(what: &str, found: &DriftReport) -> Vec<[String; 4]> {
    let examples = found.examples.iter().map(|example| {
        let reference_id = example.reference_id.as_deref().map(shown).unwrap_or_default();
        [what.to_owned(), example.user_id.to_string(), example.provider.to_string(), reference_id]
    });
    let more = found.count - found.examples.len() as u64;
    let rest = (more > 0).then(|| [what.to_owned(), format!("and {more} more"), String::new(), String::new()]);
    examples.chain(rest).collect()
}

/// Reports the progress of a slow run from time to time.
struct ProgressMeter {
    ui: Ui,
    last_report: Mutex<Instant>,
}

const REPORT_INTERVAL: Duration = Duration::from_secs(2);

impl ProgressMeter {
    fn new(ui: Ui) -> Self {
        Self { ui, last_report: Mutex::new(Instant::now()) }
    }

    fn report(&self, so_far: Progress) {
        let mut last_report = self.last_report.lock().unwrap_or_else(PoisonError::into_inner);
        if last_report.elapsed() < REPORT_INTERVAL {
            return;
        }
        *last_report = Instant::now();
        let text = match so_far {
            Progress::Listed(users) => format!("{users} users compared …"),
            Progress::Asked(users) => format!("{users} users checked one by one …"),
        };
        // The run continues even if standard error is closed.
        let _ = self.ui.note(&text);
    }
}
