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
    progress::{Counts, ImportProgress},
    row::RejectionReason,
    rows::{Batch, ImportRows},
};
use crate::{
    app::{self, App},
    command::keys::TargetOptions,
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};

/// Import existing grants of another system from a file
///
/// The file is CSV with a header, or one JSON object per line. The fields are `provider`, `account`,
/// `access_token`, and, if known, `refresh_token`, `expires_at`, `scopes`, `reference_id`,
/// `created_at`, `active`, and `user_id` to preserve the ids of the other system. Times are RFC 3339
/// or seconds since 1970. An account that is already connected under the same reference id is left
/// unchanged. An invalid row is reported with its line and the reason, and all other rows are
/// imported. The server refreshes imported grants, so the other system must stop refreshing them.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections import grants.csv --env production --dry-run",
    "terra-auth connections import grants.csv --env production",
    "terra-auth connections import grants.ndjson --resume --output json",
])]
pub(crate) struct Args {
    /// File to import
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Show what would change, without changing anything
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Continue after the last line that an earlier run processed, as recorded in FILE.progress
    #[arg(long)]
    resume: bool,
    /// Send an auth event for each new connection
    #[arg(long)]
    announce: bool,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { file, dry_run, resume, announce, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let mut rows = ImportRows::open(&file).with_context(|| format!("could not read {}", file.display()))?;
        warn_if_readable_by_others(app.ui, &file)?;
        let counts = if resume { ImportProgress::resume(&mut rows, &file, &target.dev_id)? } else { Counts::default() };
        let mode = ImportMode { dev_id: target.dev_id, dry_run, announce };
        let mut import =
            Import { ui: app.ui, admin, mode, counts, user_limit_reached: false, last_report: Instant::now() };
        app::block_on(import.run_all(&mut rows, &file))??;
        import.print_summary(&file)
    }
}

/// Warns if other users of the machine can read the file, because it contains tokens.
fn warn_if_readable_by_others(ui: Ui, file: &Path) -> anyhow::Result<()> {
    let name = file.display();
    let open = fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open {
        ui.warn(&format!("other users of this machine can read {name}; run `chmod 600 {name}`"))?;
    }
    Ok(())
}

/// The target environment and the options of an import.
struct ImportMode {
    dev_id: DevId,
    dry_run: bool,
    announce: bool,
}

struct Import {
    ui: Ui,
    admin: AdminClient,
    mode: ImportMode,
    counts: Counts,
    /// Whether rows were rejected because of the user limit.
    user_limit_reached: bool,
    last_report: Instant,
}

const REPORT_INTERVAL: Duration = Duration::from_secs(2);

impl Import {
    async fn run_all(&mut self, rows: &mut ImportRows, file: &Path) -> anyhow::Result<()> {
        loop {
            let before = rows.line;
            let batch = rows.batch().context("could not read the next lines of the file")?;
            let next = "see `terra-auth connections import --help`";
            let batch = batch.map_err(|reason| CommandError::new(FailureKind::Misused, reason, next))?;
            if rows.line == before {
                return Ok(());
            }
            let ended = || format!("the import stopped after line {before}; continue it with --resume");
            self.import_batch(batch).await.with_context(ended)?;
            if !self.mode.dry_run {
                let (dev_id, counts) = (self.mode.dev_id.clone(), self.counts);
                ImportProgress { dev_id, line: rows.line, digest: rows.digest(), counts }.save(file)?;
            }
            self.report_progress(rows.line)?;
        }
    }

    async fn import_batch(&mut self, batch: Batch) -> anyhow::Result<()> {
        let Batch { rows, lines, rejected: mut refused } = batch;
        let answer = self.send(rows).await?;
        self.counts.imported += answer.imported;
        self.counts.kept += answer.kept;
        self.user_limit_reached |= answer.refused.iter().any(|row| row.user_limit);
        let line_of = |index: u32| usize::try_from(index).ok().and_then(|index| lines.get(index).copied());
        refused.extend(answer.refused.into_iter().filter_map(|row| Some((line_of(row.index)?, row.reason))));
        refused.sort();
        self.counts.refused += refused.len() as u64;
        refused.iter().try_for_each(|(line, reason)| self.report_rejected_row(*line, reason))
    }

    async fn send(&self, connections: Vec<PortableConnection>) -> Result<ImportedConnections, AdminError> {
        if connections.is_empty() {
            return Ok(ImportedConnections::default());
        }
        let ImportMode { dev_id, dry_run, announce } = &self.mode;
        let counted = if *dry_run { self.counts.imported } else { 0 };
        let import = ImportConnections { connections, dry_run: *dry_run, counted, announce: *announce };
        self.admin.import_connections(dev_id, &import).await
    }

    fn report_rejected_row(&self, line: u64, reason: &RejectionReason) -> anyhow::Result<()> {
        let text = if self.ui.output.is_json() {
            json!({ "line": line, "reason": reason }).to_string()
        } else {
            format!("line {line}: {reason}")
        };
        Ok(writeln!(anstream::stderr(), "{text}")?)
    }

    fn report_progress(&mut self, line: u64) -> anyhow::Result<()> {
        if self.last_report.elapsed() >= REPORT_INTERVAL {
            self.last_report = Instant::now();
            self.ui.note(&format!("line {line} …"))?;
        }
        Ok(())
    }

    fn print_summary(&self, file: &Path) -> anyhow::Result<()> {
        let Counts { imported, kept, refused } = self.counts;
        if !self.mode.dry_run {
            ImportProgress::delete(file);
        }
        let would = if self.mode.dry_run { "would be " } else { "" };
        let plain = || {
            format!("{imported} {would}imported, {kept} {would}left unchanged (already connected), {refused} rejected")
        };
        let json = json!({
            "dev_id": self.mode.dev_id, "dry_run": self.mode.dry_run,
            "imported": imported, "kept": kept, "refused": refused,
        });
        self.ui.result(plain, &json)?;
        let next = "fix these lines and import the file again; existing connections are left unchanged";
        match (refused, self.user_limit_reached) {
            (0, _) => Ok(()),
            (_, true) => {
                let message = "the user limit of the environment was reached";
                Err(CommandError::new(FailureKind::TooMany, message, "raise the user limit, and import the file again")
                    .into())
            }
            (_, false) => {
                Err(CommandError::new(FailureKind::Failed, format!("{refused} lines were rejected"), next).into())
            }
        }
    }
}
