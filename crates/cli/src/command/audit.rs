//! `terra-auth audit`: reads and verifies the audit log of a server.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, future::ready};
use terra_auth::{
    DevId,
    admin::AdminError,
    wire::admin::{AuditEntry, AuditVerdict},
};
use uuid::Uuid;

use crate::{
    app::{self, App},
    command::{admin::access::AdminOptions, users::format_minute},
    failure::{CommandError, FailureKind},
    terminal::ui::{json_line, shown, table},
};

/// List, export and verify the audit log of a server
#[derive(Subcommand)]
#[command(after_help = examples!["terra-auth audit list", "terra-auth audit verify"])]
pub(crate) enum Command {
    List(List),
    Export(Export),
    Verify(Verify),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::Verify(args) => args.run(app),
        }
    }
}

/// Selects entries of the audit log.
#[derive(Args)]
struct EntryFilter {
    /// Only entries after this sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// Only entries about this environment
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    #[command(flatten)]
    access: AdminOptions,
}

impl EntryFilter {
    fn entries(self, app: &App) -> anyhow::Result<impl Stream<Item = Result<AuditEntry, AdminError>> + use<>> {
        let Self { after, dev_id, access } = self;
        // An entry about the creation or deletion of an environment has no dev-id; the environment is its target.
        let about = |entry: &AuditEntry, id: &DevId| {
            entry.dev_id.as_ref() == Some(id) || entry.target.split(' ').next() == Some(id.as_str())
        };
        let asked = move |entry: &AuditEntry| dev_id.as_ref().is_none_or(|id| about(entry, id));
        Ok(access.client(app)?.audit(after).try_filter(move |entry| ready(asked(entry))))
    }
}

/// List the administrative actions, including denied ones, oldest first
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth audit list",
    "terra-auth audit list --after 1200 --limit 20 --dev-id acme-testing-0000000000",
])]
pub(crate) struct List {
    #[command(flatten)]
    filter: EntryFilter,
    /// Maximum number of entries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let limit = self.limit as usize;
        let some = self.filter.entries(app)?.take(limit + 1).try_collect::<Vec<_>>();
        let mut entries = app::block_on(some)?.context("could not read the audit log")?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        app.ui.result(|| rows(&entries), &entries)?;
        if let Some(last) = entries.last().filter(|_| more) {
            app.ui.warn(&format!("there are more than {limit} entries; continue with --after {}", last.seq))?;
        }
        Ok(())
    }
}

fn rows(entries: &[AuditEntry]) -> String {
    let row = |entry: &AuditEntry| {
        let AuditEntry { seq, at, actor, actor_id, origin, action, dev_id, target, allowed, .. } = entry;
        let actor = actor_id.map_or_else(|| actor.clone(), |id| format!("{actor} {}", short_id(id)));
        let verdict = if *allowed { "done" } else { "denied" };
        let origin = origin.as_deref().unwrap_or("this machine");
        let dev_id = dev_id.as_ref().map(ToString::to_string).unwrap_or_default();
        [
            seq.to_string(),
            format_minute(*at),
            shown(&actor),
            shown(origin),
            shown(action),
            verdict.to_owned(),
            dev_id,
            shown(target),
        ]
    };
    table(["seq", "at", "who", "from", "action", "result", "environment", "target"], entries.iter().map(row))
}

/// The first 8 digits of an id, which distinguish tokens with the same name.
fn short_id(id: Uuid) -> String {
    id.simple().to_string()[..8].to_owned()
}

/// The error for rows that the log does not explain: another program writes to the store.
fn store_mismatch_error(refused_rows: &[String], unlogged: &[String]) -> anyhow::Error {
    let refused = refused_rows.iter().map(|row| format!("{row} is ignored because its MAC is wrong"));
    let unlogged = unlogged.iter().map(|row| format!("{row} is valid, but the log says otherwise"));
    let found: Vec<_> = refused.chain(unlogged).map(|text| shown(&text)).collect();
    let message = format!("the audit log is intact, but the store does not match it: {}", found.join("; "));
    let next = "find out what else writes to the database; revoke unknown rows, and create the ones you need again";
    CommandError::new(FailureKind::Failed, message, next).into()
}

/// Export the log to standard output, one JSON object per line
///
/// Store an export on another system. Compare it with a later export: if the MACs of the same
/// entries are equal, the entries were not changed.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth audit export > audit.jsonl",
    "terra-auth audit export --after 1200 >> audit.jsonl",
])]
pub(crate) struct Export {
    #[command(flatten)]
    filter: EntryFilter,
}

impl Export {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let lines = self.filter.entries(app)?;
        app::block_on(lines.map_err(anyhow::Error::new).try_for_each(|entry| ready(json_line(&entry))))?
            .context("could not export the complete audit log")
    }
}

/// Verify that no entry of the log was removed, changed or moved
///
/// Otherwise the command exits with 1 and names the first broken entry. It cannot detect that the
/// newest entries were removed together with the record of the log's length: compare the log with
/// an earlier export for that.
#[derive(Args)]
#[command(after_help = examples!["terra-auth audit verify", "terra-auth audit verify --output json"])]
pub(crate) struct Verify {
    #[command(flatten)]
    access: AdminOptions,
}

impl Verify {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let admin = self.access.client(app)?;
        let verdict = app::block_on(admin.verify_audit())?.context("could not verify the audit log")?;
        let AuditVerdict { intact, entries, broken_at, reset_at, ref refused_rows, ref unlogged } = verdict;
        if intact && !(refused_rows.is_empty() && unlogged.is_empty()) {
            return Err(store_mismatch_error(refused_rows, unlogged));
        }
        if intact {
            let since = reset_at.map_or_else(String::new, |reset| {
                format!("; entries before {reset} are unchanged since the vault reset, but not verified before it")
            });
            return app.ui.result(|| format!("Intact: {entries} entries in their original order{since}"), &verdict);
        }
        let first = match (broken_at, reset_at) {
            (Some(1), Some(reset)) => format!("an entry before {reset}, the entry of the vault reset,"),
            (broken_at, _) => format!("entry {}", broken_at.unwrap_or(entries + 1)),
        };
        let message = format!("the audit log is broken: {first} is missing, changed or out of order");
        Err(CommandError::new(
            FailureKind::Failed,
            message,
            "compare it with an earlier export, and save a copy of the store",
        )
        .into())
    }
}
