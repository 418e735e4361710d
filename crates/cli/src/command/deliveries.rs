//! `terra-auth deliveries`: lists, shows and replays the webhook deliveries of an environment.

use std::collections::HashSet;

use anyhow::Context as _;
use clap::{Args, Subcommand, builder::PossibleValuesParser, builder::TypedValueParser};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use terra_auth::{
    ReferenceId, UserId,
    wire::admin::{AdminDelivery, AdminDeliveryAttempt, AdminEvent, DeliveryParams, DeliveryState, ReplayDeliveries},
};
use terra_auth_types::{DestinationId, EventId};
use tokio::time::{Duration, sleep};

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{
        prompt,
        ui::{shown, table},
    },
};

/// List, inspect and replay the webhook deliveries of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth deliveries list --state failed",
    "terra-auth deliveries show 00000000-0000-7000-8000-000000000001",
    "terra-auth deliveries replay --state failed --since 2026-12-05T12:00:00Z",
    "terra-auth deliveries tail",
])]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Replay(Replay),
    Tail(Tail),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Replay(args) => args.run(app),
            Self::Tail(args) => args.run(app),
        }
    }
}

/// The options that select deliveries.
#[derive(Args, Clone)]
struct Filter {
    /// Only deliveries to this destination
    #[arg(long, value_name = "ID")]
    destination: Option<DestinationId>,
    /// Only events of this type, such as `auth`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only events about this user
    #[arg(long, value_name = "ID")]
    user_id: Option<UserId>,
    /// Only events about this end user
    #[arg(long, value_name = "ID")]
    reference_id: Option<ReferenceId>,
    /// Only deliveries in this state
    #[arg(long, value_name = "STATE", value_parser = states())]
    state: Option<DeliveryState>,
    /// Only events at or after this time, such as `2026-12-05T12:00:00Z`
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl Filter {
    fn params(self) -> DeliveryParams {
        let Self { destination, kind, user_id, reference_id, state, since, until } = self;
        DeliveryParams {
            destination_id: destination,
            kind,
            user_id,
            reference_id,
            state,
            since,
            until,
            ..DeliveryParams::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.clone().params() == DeliveryParams::default()
    }
}

fn states() -> impl TypedValueParser<Value = DeliveryState> {
    PossibleValuesParser::new(DeliveryState::ALL.map(DeliveryState::as_str))
        .try_map(|name| DeliveryState::from_name(&name).ok_or("no such state"))
}

/// List deliveries, newest event first
///
/// A delivery is `waiting` until the destination accepts the event, and then `delivered`. It is `failed` if every
/// attempt failed.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth deliveries list --reference-id user_1",
    "terra-auth deliveries list --state failed --output json | jq '.[].error'",
])]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Maximum number of deliveries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    target: TargetOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let (target, limit) = (self.target.find(app)?, self.limit as usize);
        let deliveries = target.admin(app)?.deliveries(&target.dev_id, self.filter.params());
        let listed = app::block_on(deliveries.take(limit + 1).try_collect::<Vec<_>>())?;
        let mut deliveries = listed.context("could not list the deliveries")?;
        let more = deliveries.len() > limit;
        deliveries.truncate(limit);
        app.ui.result(|| rows(&deliveries), &deliveries)?;
        if more {
            app.ui.warn(&format!("there are more than {limit} deliveries; raise --limit, or add a filter"))?;
        }
        Ok(())
    }
}

fn rows(deliveries: &[AdminDelivery]) -> String {
    let header = ["event_id", "created", "type", "end user", "url", "state", "attempts", "result"];
    table(header, deliveries.iter().map(cells))
}

fn cells(delivery: &AdminDelivery) -> [String; 8] {
    let end_user = delivery.reference_id.as_ref().map(|id| shown(id.as_str()));
    [
        delivery.event_id.to_string(),
        format_minute(delivery.created_at),
        shown(&delivery.r#type),
        end_user.or_else(|| delivery.user_id.map(|id| id.to_string())).unwrap_or_default(),
        shown(delivery.url.as_str()),
        delivery.state.as_str().to_owned(),
        delivery.attempts.to_string(),
        result(delivery.status, delivery.error.as_deref()),
    ]
}

/// The status of a response, or the reason of a failure.
fn result(status: Option<u16>, error: Option<&str>) -> String {
    match (status, error) {
        (Some(status), _) => format!("[{status}]"),
        (None, Some(error)) => shown(error),
        (None, None) => String::new(),
    }
}

/// Show an event, its deliveries and all attempts
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth deliveries show 00000000-0000-7000-8000-000000000001",
    "terra-auth deliveries show 00000000-0000-7000-8000-000000000001 --output json | jq .payload",
])]
pub(crate) struct Show {
    /// Event id: the trace id, as listed by `terra-auth deliveries list`
    event_id: EventId,
    #[command(flatten)]
    target: TargetOptions,
}

impl Show {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let event = app::block_on(target.admin(app)?.event(&target.dev_id, self.event_id))?;
        let event = event.context("could not read the event")?;
        app.ui.result(|| details(&event), &event)
    }
}

fn details(event: &AdminEvent) -> String {
    let payload = serde_json::to_string_pretty(&event.payload).unwrap_or_default();
    let mut lines = vec![format!("{}  {}  {}\n", event.event_id, shown(&event.r#type), event.created_at)];
    lines.extend(payload.lines().map(shown));
    for delivery in &event.deliveries {
        let (state, url) = (delivery.state.as_str(), shown(delivery.url.as_str()));
        lines.push(format!("\n{state} at {url}, destination {}", delivery.destination_id));
        let attempts = event.attempts.iter().filter(|attempt| attempt.destination_id == delivery.destination_id);
        let attempts: Vec<_> = attempts.map(attempt_cells).collect();
        if !attempts.is_empty() {
            lines.push(table(["attempt", "time", "result", "took", "response"], attempts));
        }
        lines.extend(delivery.next_attempt_at.map(|at| format!("next attempt at {at}")));
    }
    if event.deliveries.is_empty() {
        lines.push("\nnot sent: no destination accepts it".to_owned());
    }
    lines.join("\n")
}

fn attempt_cells(attempt: &AdminDeliveryAttempt) -> [String; 5] {
    [
        attempt.number.to_string(),
        attempt.attempted_at.to_string(),
        result(attempt.status, attempt.error.as_deref()),
        format!("{} ms", attempt.total_ms),
        attempt.response.as_deref().map(shown).unwrap_or_default(),
    ]
}

/// Send deliveries again: one event, or all that match the options
///
/// The command first counts the deliveries and asks for a confirmation. Each delivery starts again with its first attempt,
/// and keeps its trace id.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth deliveries replay 00000000-0000-7000-8000-000000000001",
    "terra-auth deliveries replay --state failed --since 2026-12-05T12:00:00Z --until 2026-12-05T13:00:00Z --dry-run",
])]
pub(crate) struct Replay {
    /// Event id, as listed by `terra-auth deliveries list`
    event_id: Option<EventId>,
    #[command(flatten)]
    filter: Filter,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Replay {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { event_id, filter, yes, dry_run, target } = self;
        if event_id.is_none() && filter.is_empty() {
            let next = "pass an event id, or an option such as `--state failed`";
            return Err(CommandError::new(FailureKind::Misused, "no deliveries selected", next).into());
        }
        let (target, params) = (target.find(app)?, filter.params());
        let replay = ReplayDeliveries {
            event_id,
            destination_id: params.destination_id,
            kind: params.kind,
            user_id: params.user_id,
            reference_id: params.reference_id,
            state: params.state,
            since: params.since,
            until: params.until,
            dry_run: true,
        };
        let admin = target.admin(app)?;
        let counted = app::block_on(admin.replay_deliveries(&target.dev_id, &replay))?;
        let selected = counted.context("could not count the deliveries")?.selected;
        let what = format!("send {} again", deliveries(selected));
        if dry_run.report(app.ui, &what, &json!({ "selected": selected }))? {
            return Ok(());
        }
        if selected == 0 {
            return app.ui.result(|| "No delivery matches".to_owned(), &json!({ "selected": 0, "replayed": 0 }));
        }
        prompt::confirm_or_yes(yes || event_id.is_some(), "replayed", || {
            Ok(format!("Send {} again?", deliveries(selected)))
        })?;
        let replay = ReplayDeliveries { dry_run: false, ..replay };
        let replayed = app::block_on(admin.replay_deliveries(&target.dev_id, &replay))?;
        let replayed = replayed.context("could not replay the deliveries")?;
        app.ui.result(|| format!("{} due again", deliveries(replayed.replayed)), &replayed)
    }
}

fn deliveries(number: u64) -> String {
    if number == 1 { "1 delivery".to_owned() } else { format!("{number} deliveries") }
}

/// Print new deliveries and changed states until Ctrl-C
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth deliveries tail",
    "terra-auth deliveries tail --state failed --output json | jq .event_id",
])]
pub(crate) struct Tail {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    target: TargetOptions,
}

/// How often the command asks the server.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The number of latest deliveries that the command watches.
const WATCHED: usize = 500;

impl Tail {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let (admin, params) = (target.admin(app)?, self.filter.params());
        app::block_on(async {
            let mut printed = HashSet::new();
            let mut first = true;
            loop {
                let page = admin.deliveries(&target.dev_id, params.clone()).take(WATCHED).try_collect::<Vec<_>>();
                let mut page = page.await.context("could not list the deliveries")?;
                page.reverse();
                for delivery in &page {
                    let key = (delivery.event_id, delivery.destination_id, delivery.state, delivery.attempts);
                    if printed.insert(key) && !first {
                        app.ui.line(|| cells(delivery).join("  "), &json!(delivery))?;
                    }
                }
                first = false;
                sleep(POLL_INTERVAL).await;
            }
        })?
    }
}
