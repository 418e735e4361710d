use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{ArgGroup, ValueHint};
use jiff::Timestamp;
use serde_json::json;
use terra_auth::{DevId, ReferenceId, admin::AdminClient, wire::admin::InviteToMigrate};
use url::Url;

use super::{
    Migration, invitations,
    state::{self, MigrationState},
};
use crate::{
    app::{self, App},
    command::keys::TargetOptions,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    ui::count,
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
        let invited = invitations::read(&out)?;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let read = app::block_on(state::read(&admin, &target.dev_id, &migration))?;
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
    let mut file = invitations::open_for_append(out).with_context(not_written)?;
    let mut created = 0;
    for batch in cohort.chunks(BATCH_SIZE) {
        let reference_ids = batch.iter().map(|(_, id)| id.clone()).collect();
        let links = admin.invite_to_migrate(dev_id, &InviteToMigrate { reference_ids, ..invite.clone() }).await?;
        invitations::append_links(&mut file, &links.invitations).with_context(not_written)?;
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
