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
    Move, invitations,
    state::{self, State},
};
use crate::{
    app::{self, App},
    command::keys::Whose,
    dry_run::DryRun,
    failure::{Advice, Kind},
    ui::count,
};

/// Create links to consent at the new provider, for end users who are not there yet
///
/// Each link works once and is added to a CSV file, `reference_id,url,expires_at`, for your own mailer. Whoever has a link can
/// connect in that end user's name. Run again, it goes on with those who have no link yet, then with those whose link
/// has expired. The old connections stay.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("who").required(true))]
#[command(after_help = examples![
    "terra-auth migrate start --from FITBIT --to GOOGLE --all --cohort 1000 --env production",
    "terra-auth migrate start --from FITBIT --to GOOGLE --reference-ids beta.txt --valid-hours 72",
])]
pub(crate) struct Args {
    #[command(flatten)]
    between: Move,
    /// Invite everybody
    #[arg(long, group = "who")]
    all: bool,
    /// Invite only the end users in a file, one reference id a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, group = "who")]
    reference_ids: Option<PathBuf>,
    /// Invite so many at most
    #[arg(long, value_name = "N")]
    cohort: Option<usize>,
    /// How long a link works
    #[arg(long, value_name = "HOURS", default_value_t = 168, value_parser = clap::value_parser!(u32).range(1..=336))]
    valid_hours: u32,
    /// Where an end user goes afterwards
    #[arg(long, value_name = "URL")]
    success_url: Option<Url>,
    /// Where an end user goes when it did not work
    #[arg(long, value_name = "URL")]
    failure_url: Option<Url>,
    /// The file of links [default: migrate-FROM-TO.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

/// The most end users in one call.
const BATCH: usize = 500;

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { between, all: _, reference_ids, cohort, valid_hours, success_url, failure_url, out, dry_run, whose } =
            self;
        let only = reference_ids.as_deref().map(chosen).transpose()?;
        let out = out.unwrap_or_else(|| between.file());
        let invited = invitations::read(&out)?;
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        let read = app::wait(state::read(&admin, &owner.dev_id, &between))?;
        let state = read.context("could not read the connections")?;
        let waiting = waiting(&state, &invited, only.as_ref());
        let (cohort, rest) = waiting.split_at(waiting.len().min(cohort.unwrap_or(usize::MAX)));
        let Move { from, to } = between;
        let valid_hours = Some(valid_hours);
        let invite = InviteToMigrate { from, to, reference_ids: Vec::new(), valid_hours, success_url, failure_url };
        let what =
            format!("create {} in {}, and leave {}", count(cohort.len() as u64, "link"), out.display(), rest.len());
        if dry_run.stops(app.ui, &what, &json!({ "invite": cohort.len(), "left": rest.len() }))? {
            return Ok(());
        }
        let made = app::wait(make_links(&admin, &owner.dev_id, &invite, cohort, &out))?;
        let made = made.context("could not invite everybody; run it again to go on")?;
        let (left, file) = (rest.len(), out.display().to_string());
        app.ui.result(
            || format!("Made {made} links in {file}; {left} end users are left to be invited"),
            &json!({ "invited": made, "left": left, "file": file }),
        )
    }
}

/// Who is to be invited: first those who never were, then those whose link has expired.
fn waiting(
    state: &State,
    invited: &BTreeMap<String, Timestamp>,
    only: Option<&BTreeSet<String>>,
) -> Vec<(Option<Timestamp>, ReferenceId)> {
    let now = app::now();
    let to_move = state.end_users.iter().filter(|(_, end_user)| end_user.is_to_move()).map(|(id, _)| id);
    let asked = to_move.filter(|id| only.is_none_or(|only| only.contains(*id)));
    let with_links = asked.filter_map(|id| Some((invited.get(id).copied(), id.parse().ok()?)));
    let mut waiting: Vec<_> = with_links.filter(|(link, _)| link.is_none_or(|expires_at| expires_at <= now)).collect();
    waiting.sort_by_key(|(link, _)| *link);
    waiting
}

async fn make_links(
    admin: &AdminClient,
    dev_id: &DevId,
    invite: &InviteToMigrate,
    cohort: &[(Option<Timestamp>, ReferenceId)],
    out: &Path,
) -> anyhow::Result<usize> {
    let not_written = || format!("could not write {}", out.display());
    let mut file = invitations::append(out).with_context(not_written)?;
    let mut made = 0;
    for batch in cohort.chunks(BATCH) {
        let reference_ids = batch.iter().map(|(_, id)| id.clone()).collect();
        let links = admin.invite_to_migrate(dev_id, &InviteToMigrate { reference_ids, ..invite.clone() }).await?;
        invitations::add(&mut file, &links.invitations).with_context(not_written)?;
        made += links.invitations.len();
    }
    Ok(made)
}

/// The reference ids in a file.
fn chosen(file: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let ids: BTreeSet<_> = text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if ids.is_empty() {
        let message = format!("{} has no reference ids", file.display());
        return Err(Advice::new(Kind::Misused, message, "write one on each line, or use --all").into());
    }
    Ok(ids)
}
