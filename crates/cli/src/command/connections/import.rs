use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;
use terra_auth::{
    DevId,
    admin::{AdminClient, AdminError},
    wire::admin::{ImportConnections, ImportedConnections, PortableConnection},
};

use super::{
    progress::{Counts, Progress},
    row::Reason,
    rows::{Batch, Rows},
};
use crate::{
    app::{self, App},
    command::keys::Whose,
    failure::{Advice, Kind},
    ui::Ui,
};

/// Take over existing grants of another system from a file
///
/// The file is CSV with a header, or one JSON object a line: `provider`, `account`, `access_token`, and, as far as they are
/// known, `refresh_token`, `expires_at`, `scopes`, `reference_id`, `created_at`, and `user_id` to keep the ids of the other
/// system. Instants are RFC 3339 or seconds since 1970. A row is kept as it is if its account is connected already under the
/// same reference id; one that does not fit is named with its line and the reason, and all others are imported. Grants are
/// refreshed from then on, so the other system must no longer do that.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections import grants.csv --env production --dry-run",
    "terra-auth connections import grants.csv --env production",
    "terra-auth connections import grants.ndjson --resume --output json",
])]
pub(crate) struct Args {
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Only say what would happen
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Go on after the last line that an earlier run dealt with, as FILE.progress has it
    #[arg(long)]
    resume: bool,
    /// Send an auth event for each new connection
    #[arg(long)]
    announce: bool,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { file, dry_run, resume, announce, whose } = self;
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        let mut rows = Rows::open(&file).with_context(|| format!("could not read {}", file.display()))?;
        warn_if_open(app.ui, &file)?;
        let counts = if resume { Progress::go_on(&mut rows, &file, &owner.dev_id)? } else { Counts::default() };
        let way = Way { dev_id: owner.dev_id, dry_run, announce };
        let mut import = Import { ui: app.ui, admin, way, counts, no_room: false, said: Instant::now() };
        app::wait(import.all(&mut rows, &file))??;
        import.sum_up(&file)
    }
}

/// Tokens are in it.
fn warn_if_open(ui: Ui, file: &Path) -> anyhow::Result<()> {
    let name = file.display();
    let open = fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open {
        ui.warn(&format!("other users of this machine can open {name}; run `chmod 600 {name}`"))?;
    }
    Ok(())
}

/// Where to and how.
struct Way {
    dev_id: DevId,
    dry_run: bool,
    announce: bool,
}

struct Import {
    ui: Ui,
    admin: AdminClient,
    way: Way,
    counts: Counts,
    /// Whether rows were refused because of the user limit.
    no_room: bool,
    said: Instant,
}

const SAYS_EVERY: Duration = Duration::from_secs(2);

impl Import {
    async fn all(&mut self, rows: &mut Rows, file: &Path) -> anyhow::Result<()> {
        loop {
            let before = rows.line;
            let batch = rows.batch().context("the file could not be read on")?;
            let next = "see `terra-auth connections import --help`";
            let batch = batch.map_err(|reason| Advice::new(Kind::Misused, reason, next))?;
            if rows.line == before {
                return Ok(());
            }
            let ended = || format!("the import ended after line {before}; with --resume it goes on there");
            self.one(batch).await.with_context(ended)?;
            if !self.way.dry_run {
                let (dev_id, counts) = (self.way.dev_id.clone(), self.counts);
                Progress { dev_id, line: rows.line, digest: rows.digest(), counts }.save(file)?;
            }
            self.say(rows.line)?;
        }
    }

    async fn one(&mut self, batch: Batch) -> anyhow::Result<()> {
        let Batch { rows, lines, bad: mut refused } = batch;
        let answer = self.send(rows).await?;
        self.counts.imported += answer.imported;
        self.counts.kept += answer.kept;
        self.no_room |= answer.refused.iter().any(|row| row.user_limit);
        let line_of = |index: u32| usize::try_from(index).ok().and_then(|index| lines.get(index).copied());
        refused.extend(answer.refused.into_iter().filter_map(|row| Some((line_of(row.index)?, row.reason))));
        refused.sort();
        self.counts.refused += refused.len() as u64;
        refused.iter().try_for_each(|(line, reason)| self.name(*line, reason))
    }

    async fn send(&self, connections: Vec<PortableConnection>) -> Result<ImportedConnections, AdminError> {
        if connections.is_empty() {
            return Ok(ImportedConnections::default());
        }
        let Way { dev_id, dry_run, announce } = &self.way;
        let counted = if *dry_run { self.counts.imported } else { 0 };
        let import = ImportConnections { connections, dry_run: *dry_run, counted, announce: *announce };
        self.admin.import_connections(dev_id, &import).await
    }

    fn name(&self, line: u64, reason: &Reason) -> anyhow::Result<()> {
        let text = if self.ui.output.is_json() {
            json!({ "line": line, "reason": reason }).to_string()
        } else {
            format!("line {line}: {reason}")
        };
        Ok(writeln!(anstream::stderr(), "{text}")?)
    }

    fn say(&mut self, line: u64) -> anyhow::Result<()> {
        if self.said.elapsed() >= SAYS_EVERY {
            self.said = Instant::now();
            self.ui.note(&format!("line {line} …"))?;
        }
        Ok(())
    }

    fn sum_up(&self, file: &Path) -> anyhow::Result<()> {
        let Counts { imported, kept, refused } = self.counts;
        if !self.way.dry_run {
            Progress::forget(file);
        }
        let would = if self.way.dry_run { "would be " } else { "" };
        let plain = || {
            format!("{imported} {would}imported, {kept} {would}kept because they are there already, {refused} refused")
        };
        let json = json!({
            "dev_id": self.way.dev_id, "dry_run": self.way.dry_run,
            "imported": imported, "kept": kept, "refused": refused,
        });
        self.ui.result(plain, &json)?;
        let next = "mend these lines and import the file again: what is there already is kept";
        match (refused, self.no_room) {
            (0, _) => Ok(()),
            (_, true) => {
                let message = "the environment has no room for all of them";
                Err(Advice::new(Kind::TooMany, message, "raise its user limit, and import the file again").into())
            }
            (_, false) => Err(Advice::new(Kind::Failed, format!("{refused} lines were refused"), next).into()),
        }
    }
}
