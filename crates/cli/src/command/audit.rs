//! `terra-auth audit`: who did what.

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
    command::{admin::access::Access, users::minute},
    failure::{Advice, Kind},
    ui::{json_line, shown, table},
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

/// Which lines.
#[derive(Args)]
struct Which {
    /// Only what comes after the line with this number
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// Only what was done to this environment
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    #[command(flatten)]
    access: Access,
}

impl Which {
    fn lines(self, app: &App) -> anyhow::Result<impl Stream<Item = Result<AuditEntry, AdminError>> + use<>> {
        let Self { after, dev_id, access } = self;
        // What makes or deletes an environment is done to the server, and has it as its target.
        let about = |entry: &AuditEntry, id: &DevId| {
            entry.dev_id.as_ref() == Some(id) || entry.target.split(' ').next() == Some(id.as_str())
        };
        let asked = move |entry: &AuditEntry| dev_id.as_ref().is_none_or(|id| about(entry, id));
        Ok(access.open(app)?.audit(after).try_filter(move |entry| ready(asked(entry))))
    }
}

/// List the administrative actions, denied ones too, oldest first
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth audit list",
    "terra-auth audit list --after 1200 --limit 20 --dev-id acme-testing-0000000000",
])]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
    /// Stop after this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let limit = self.limit as usize;
        let some = self.which.lines(app)?.take(limit + 1).try_collect::<Vec<_>>();
        let mut entries = app::wait(some)?.context("could not read the audit log")?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        app.ui.result(|| rows(&entries), &entries)?;
        if let Some(last) = entries.last().filter(|_| more) {
            app.ui.warn(&format!("there are more than {limit} entries; go on with --after {}", last.seq))?;
        }
        Ok(())
    }
}

fn rows(entries: &[AuditEntry]) -> String {
    let row = |entry: &AuditEntry| {
        let AuditEntry { seq, at, actor, actor_id, origin, action, dev_id, target, allowed, .. } = entry;
        let actor = actor_id.map_or_else(|| actor.clone(), |id| format!("{actor} {}", short(id)));
        let verdict = if *allowed { "done" } else { "denied" };
        let origin = origin.as_deref().unwrap_or("this machine");
        let dev_id = dev_id.as_ref().map(ToString::to_string).unwrap_or_default();
        [
            seq.to_string(),
            minute(*at),
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

/// Enough of an id to tell tokens of the same name apart.
fn short(id: Uuid) -> String {
    id.simple().to_string()[..8].to_owned()
}

/// Somebody else writes the store.
fn unexpected(refused_rows: &[String], unlogged: &[String]) -> anyhow::Error {
    let refused = refused_rows.iter().map(|row| format!("{row} is ignored: its mark is not right"));
    let unlogged = unlogged.iter().map(|row| format!("{row} works although the log says otherwise"));
    let found: Vec<_> = refused.chain(unlogged).map(|text| shown(&text)).collect();
    let message = format!("the audit log is intact, but the store is not as it says: {}", found.join("; "));
    let next = "find out who writes the database; revoke what you do not know, and create again what you need";
    Advice::new(Kind::Failed, message, next).into()
}

/// Write every line of the log to standard output, one JSON object a line
///
/// Kept elsewhere, an export proves later that the lines it has are still as they were: the marks must be the same.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth audit export > audit.jsonl",
    "terra-auth audit export --after 1200 >> audit.jsonl",
])]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
}

impl Export {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let lines = self.which.lines(app)?;
        app::wait(lines.map_err(anyhow::Error::new).try_for_each(|entry| ready(json_line(&entry))))?
            .context("could not export the whole audit log")
    }
}

/// Check that no line of the log was removed, changed or moved
///
/// Exits with 1 and names the first broken line if one was. What an intact log cannot show is that its newest lines were
/// cut off together with the record of its length: compare it with an earlier export.
#[derive(Args)]
#[command(after_help = examples!["terra-auth audit verify", "terra-auth audit verify --output json"])]
pub(crate) struct Verify {
    #[command(flatten)]
    access: Access,
}

impl Verify {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let admin = self.access.open(app)?;
        let verdict = app::wait(admin.verify_audit())?.context("could not verify the audit log")?;
        let AuditVerdict { intact, entries, broken_at, reset_at, ref refused_rows, ref unlogged } = verdict;
        if intact && !(refused_rows.is_empty() && unlogged.is_empty()) {
            return Err(unexpected(refused_rows, unlogged));
        }
        if intact {
            let since = reset_at.map_or_else(String::new, |reset| {
                format!(
                    "; those before entry {reset} are as they were when the vault was reset, and not proven otherwise"
                )
            });
            return app.ui.result(|| format!("Intact: {entries} entries, each in its place{since}"), &verdict);
        }
        let first = match (broken_at, reset_at) {
            (Some(1), Some(reset)) => format!("an entry before entry {reset}, at which the vault was reset,"),
            (broken_at, _) => format!("entry {}", broken_at.unwrap_or(entries + 1)),
        };
        let message = format!("the audit log is broken: {first} is missing, changed or out of order");
        Err(Advice::new(Kind::Failed, message, "compare it with an earlier export, and keep a copy of the store")
            .into())
    }
}
