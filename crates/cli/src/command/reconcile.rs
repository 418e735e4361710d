use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use terra_auth_core::clock::SystemClock;
use terra_auth_gateway::{Drift, Found, Progress, ReconcileError, ReconcileOptions, reconcile};

use crate::{
    app::{self, App},
    command::gateway::Places,
    failure::{Advice, Kind},
    ui::{Ui, shown, table},
};

/// Compare the connections that the gateway knows with those that the API has
///
/// They differ when an event was lost: while the gateway was down, or before it was there. Nothing is changed without
/// `--repair`. The gateway may run meanwhile; it does the same by itself each hour, see [reconcile] in gateway.toml.
/// A connection is only gone if the API says so of this very one: whatever fails changes nothing.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth reconcile --env production",
    "terra-auth reconcile --repair",
    "terra-auth reconcile --output json | jq '.missing.count'",
])]
pub(crate) struct Args {
    /// Take over what differs
    #[arg(long)]
    repair: bool,
    /// Believe the API even if it misses most of what is known, which other keys than the gateway's would explain
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    places: Places,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { repair, force, places } = self;
        let client = app.client()?;
        let meter = Meter::new(app.ui);
        let progress = |so_far| meter.hear(so_far);
        let options = ReconcileOptions { repair, force, progress: &progress };
        let drift = app::wait(async {
            let inbox = places.inbox(app.environment).await?;
            reconcile(&client, &inbox, &SystemClock, options).await.map_err(failed)
        })??;
        app.ui.result(|| plain(&drift), &drift)?;
        verdict(&drift, repair)
    }
}

fn failed(error: ReconcileError) -> anyhow::Error {
    match error {
        ReconcileError::List(error) => {
            anyhow::Error::new(error).context("could not compare: the list of users was not read to its end")
        }
        ReconcileError::Repeats => {
            Advice::new(Kind::Failed, error.to_string(), "run it again; if it stays so, tell the API's operator").into()
        }
        ReconcileError::Suspicious { .. } => {
            let next = "choose the gateway's environment with --env; if these users are gone indeed, add --force";
            Advice::new(Kind::Failed, error.to_string(), next).into()
        }
        ReconcileError::Store(error) => anyhow::Error::new(error).context("could not use the gateway's store"),
    }
}

fn verdict(drift: &Drift, repair: bool) -> anyhow::Result<()> {
    let (message, next) = match (repair, drift.is_open()) {
        _ if drift.is_none() => return Ok(()),
        (true, false) => return Ok(()),
        (_, true) => ("some connections could not be judged", "run it again later; nothing is assumed of them"),
        (false, false) => ("what the gateway knows is not what the API has", "run it again with --repair"),
    };
    Err(Advice::new(Kind::FoundWarnings, message, next).into())
}

fn plain(drift: &Drift) -> String {
    let Drift { upstream, known, missing, changed, gone, unknown, not_asked, repaired } = drift;
    if drift.is_none() {
        return format!("Nothing differs: the API has {upstream} users, and the gateway knows them");
    }
    let rows = [rows("missing", missing), rows("changed", changed), rows("gone", gone)];
    let counts = [
        ("users of the API", *upstream),
        ("known connections", *known),
        ("missing here", missing.count),
        ("changed there", changed.count),
        ("gone there", gone.count),
        ("no clear answer", *unknown),
        ("not asked for", *not_asked),
        ("repaired", *repaired),
    ];
    let counts = counts.map(|(what, count)| format!("{what:<18} {count}")).join("\n");
    if rows.iter().all(Vec::is_empty) {
        return counts;
    }
    format!("{}\n\n{counts}", table(["", "user_id", "provider", "reference_id"], rows.concat()))
}

fn rows(what: &str, found: &Found) -> Vec<[String; 4]> {
    let examples = found.examples.iter().map(|example| {
        let reference_id = example.reference_id.as_deref().map(shown).unwrap_or_default();
        [what.to_owned(), example.user_id.to_string(), example.provider.to_string(), reference_id]
    });
    let more = found.count - found.examples.len() as u64;
    let rest = (more > 0).then(|| [what.to_owned(), format!("and {more} more"), String::new(), String::new()]);
    examples.chain(rest).collect()
}

/// Says now and then how far a slow run is.
struct Meter {
    ui: Ui,
    said: Mutex<Instant>,
}

const SAYS_EVERY: Duration = Duration::from_secs(2);

impl Meter {
    fn new(ui: Ui) -> Self {
        Self { ui, said: Mutex::new(Instant::now()) }
    }

    fn hear(&self, so_far: Progress) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() < SAYS_EVERY {
            return;
        }
        *said = Instant::now();
        let text = match so_far {
            Progress::Listed(users) => format!("{users} users compared …"),
            Progress::Asked(users) => format!("{users} users asked for one by one …"),
        };
        // A run goes on whether or not somebody listens.
        let _ = self.ui.note(&text);
    }
}
