//! `terra-auth migrate start`, its file of invitations, and the state of a migration, derived from the connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{ArgGroup, ValueHint};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::json;
use terra_auth::{
    DevId, ReferenceId, UserId,
    admin::{AdminClient, AdminError},
    wire::admin::{InviteToMigrate, MigrationInvitation},
};
use url::Url;

use super::Migration;
use crate::{
    app::{self, App},
    command::{connections::row, keys::TargetOptions},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::ui::count,
};

/// Start a migration: create links for end users to consent at the new provider
///
/// Each link works once. It is appended to a CSV file, `reference_id,url,expires_at`, for your own
/// mailer. Anyone with a link can connect an account for that end user. Run the command again for the
/// end users who have no link yet, and then for those whose link has expired. The old connections
/// remain.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("selection").required(true))]
#[command(after_help = examples![
    "terra-auth migrate start --from FITBIT --to GOOGLE --all --cohort 1000 --env production",
    "terra-auth migrate start --from FITBIT --to GOOGLE --reference-ids beta.txt --valid-hours 72",
])]
pub(crate) struct Args {
    #[command(flatten)]
    migration: Migration,
    /// Invite all end users of the old provider
    #[arg(long, group = "selection")]
    all: bool,
    /// Invite only the end users in a file, one reference id per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, group = "selection")]
    reference_ids: Option<PathBuf>,
    /// Maximum number of end users to invite
    #[arg(long, value_name = "N")]
    cohort: Option<usize>,
    /// Number of hours until a link expires
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..=336))]
    valid_hours: u32,
    /// URL to redirect to after success
    #[arg(long, value_name = "URL")]
    success_url: Option<Url>,
    /// URL to redirect to after a failure
    #[arg(long, value_name = "URL")]
    failure_url: Option<Url>,
    /// File of links [default: migrate-FROM-TO.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

/// Maximum number of end users in one call.
const BATCH_SIZE: usize = 500;

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { migration, reference_ids, cohort, valid_hours, out, dry_run, target, .. } = self;
        let (success_url, failure_url) = (self.success_url, self.failure_url);
        let only = reference_ids.as_deref().map(read_reference_ids).transpose()?;
        let out = out.unwrap_or_else(|| migration.file());
        let invited = read(&out)?;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let read = app::block_on(read_state(&admin, &target.dev_id, &migration))?;
        let state = read.context("could not read the connections")?;
        let waiting = end_users_to_invite(&state, &invited, only.as_ref());
        let (cohort, rest) = waiting.split_at(waiting.len().min(cohort.unwrap_or(usize::MAX)));
        let Migration { from, to } = migration;
        let valid_hours = Some(valid_hours);
        let invite = InviteToMigrate { from, to, reference_ids: Vec::new(), valid_hours, success_url, failure_url };
        let what =
            format!("create {} in {}; {} would remain", count(cohort.len() as u64, "link"), out.display(), rest.len());
        if dry_run.report(app.ui, &what, &json!({ "invite": cohort.len(), "left": rest.len() }))? {
            return Ok(());
        }
        let invited = app::block_on(create_links(&admin, &target.dev_id, &invite, cohort, &out))?;
        let invited = invited.context("could not invite all end users; run it again to continue")?;
        let (left, file) = (rest.len(), out.display().to_string());
        app.ui.result(
            || format!("Created {invited} links in {file}; {left} end users remain to be invited"),
            &json!({ "invited": invited, "left": left, "file": file }),
        )
    }
}

/// The end users to invite: first those who never were, then those whose link has expired.
fn end_users_to_invite(
    state: &MigrationState,
    invited: &BTreeMap<String, Timestamp>,
    only: Option<&BTreeSet<String>>,
) -> Vec<(Option<Timestamp>, ReferenceId)> {
    let now = app::now();
    let to_move = state.end_users.iter().filter(|(_, end_user)| end_user.is_at_old_only()).map(|(id, _)| id);
    let asked = to_move.filter(|id| only.is_none_or(|only| only.contains(*id)));
    let with_links = asked.filter_map(|id| Some((invited.get(id).copied(), id.parse().ok()?)));
    let mut waiting: Vec<_> = with_links.filter(|(link, _)| link.is_none_or(|expires_at| expires_at <= now)).collect();
    waiting.sort_by_key(|(link, _)| *link);
    waiting
}

async fn create_links(
    admin: &AdminClient,
    dev_id: &DevId,
    invite: &InviteToMigrate,
    cohort: &[(Option<Timestamp>, ReferenceId)],
    out: &Path,
) -> anyhow::Result<usize> {
    let not_written = || format!("could not write {}", out.display());
    let mut file = open_for_append(out).with_context(not_written)?;
    let mut created = 0;
    for batch in cohort.chunks(BATCH_SIZE) {
        let reference_ids = batch.iter().map(|(_, id)| id.clone()).collect();
        let links = admin.invite_to_migrate(dev_id, &InviteToMigrate { reference_ids, ..invite.clone() }).await?;
        append_links(&mut file, &links.invitations).with_context(not_written)?;
        created += links.invitations.len();
    }
    Ok(created)
}

/// The reference ids in a file.
fn read_reference_ids(file: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let ids: BTreeSet<_> = text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if ids.is_empty() {
        let message = format!("{} has no reference ids", file.display());
        return Err(CommandError::new(FailureKind::Misused, message, "write one on each line, or use --all").into());
    }
    Ok(ids)
}

const HEADER: &str = "reference_id,url,expires_at";

/// The expiry of the newest link of each end user. Empty if there is no file yet.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("could not read {}", path.display()))?,
    };
    let mut lines = text.lines();
    let foreign = || {
        let message = format!("{} is not a file of invitations", path.display());
        CommandError::new(FailureKind::Misused, message, "choose another file")
    };
    if !text.is_empty() && lines.next() != Some(HEADER) {
        return Err(foreign().into());
    }
    let mut invited = BTreeMap::new();
    for line in lines {
        let fields = row::split_line(line).map_err(|_| foreign())?;
        let [reference_id, _, expires_at] = <[String; 3]>::try_from(fields).map_err(|_| foreign())?;
        let expires_at: Timestamp = expires_at.parse().map_err(|_| foreign())?;
        invited.entry(reference_id).and_modify(|end: &mut Timestamp| *end = expires_at.max(*end)).or_insert(expires_at);
    }
    Ok(invited)
}

/// Opens or creates the file to append to it. Only its owner can read it, because anyone with a link can connect.
pub(super) fn open_for_append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "{HEADER}")?;
    }
    Ok(file)
}

/// Appends links. They are durable when this returns.
pub(super) fn append_links(file: &mut File, invitations: &[MigrationInvitation]) -> io::Result<()> {
    let line = |invitation: &MigrationInvitation| {
        let MigrationInvitation { reference_id, url, expires_at } = invitation;
        format!("{},{},{expires_at}\n", row::quote(reference_id.as_str()), row::quote(url.as_str()))
    };
    file.write_all(invitations.iter().map(line).collect::<String>().as_bytes())?;
    file.sync_all()
}

/// The connections of all end users to the two providers.
#[derive(Default)]
pub(super) struct MigrationState {
    /// By reference id.
    pub(super) end_users: BTreeMap<String, EndUser>,
    /// The number of old connections without a reference id, whose end users cannot be invited.
    pub(super) nameless: u64,
}

/// The connections of one end user.
#[derive(Default)]
pub(super) struct EndUser {
    pub(super) old: Vec<UserId>,
    /// When the first new connection was created.
    pub(super) new_since: Option<Timestamp>,
}

/// Reads every connection of the environment, and selects those of the two providers.
pub(super) async fn read_state(
    admin: &AdminClient,
    dev_id: &DevId,
    migration: &Migration,
) -> Result<MigrationState, AdminError> {
    let mut state = MigrationState::default();
    let mut connections = Box::pin(admin.export_connections(dev_id, false));
    while let Some(connection) = connections.try_next().await? {
        let (is_old, is_new) = (connection.provider == migration.from, connection.provider == migration.to);
        if !is_old && !is_new {
            continue;
        }
        let Some(reference_id) = &connection.reference_id else {
            state.nameless += u64::from(is_old);
            continue;
        };
        let end_user = state.end_users.entry(reference_id.to_string()).or_default();
        if is_old {
            end_user.old.extend(connection.user_id);
        } else {
            let created = connection.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
            end_user.new_since = Some(end_user.new_since.map_or(created, |since| since.min(created)));
        }
    }
    Ok(state)
}

impl EndUser {
    /// Whether the end user is connected to the old provider only.
    pub(super) fn is_at_old_only(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_none()
    }

    /// Whether the end user is connected to both providers.
    pub(super) fn is_at_both(&self) -> bool {
        !self.old.is_empty() && self.new_since.is_some()
    }
}
