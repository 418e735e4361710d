//! `terra-auth gateway events`: received events and their forwarding state.

mod show;

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use clap::{
    ArgGroup, Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use terra_auth::{Environment, UserId};
use terra_auth_gateway::inbox::Inbox;
use terra_auth_model::{
    clock::{SystemClock, SystemEntropy},
    received_event::{EventFilter, ForwardState, ReceivedEvent},
    store_error::StoreError,
};
use terra_auth_store::{OpenError, SqliteError, open_shared};
use terra_auth_types::EventId;

use crate::{
    app::{self, App},
    command::{
        gateway::{events::show::unknown_events_error, options::GatewayPaths},
        users::format_minute,
    },
    failure::{CommandError, FailureKind},
    service::open_options::with_remedy,
    terminal::ui::{shown, table},
};

/// List, show and replay the events that the gateway received
///
/// The gateway may be running. Events are stored for 14 days.
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth gateway events list --state dead",
    "terra-auth gateway events replay --dead",
])]
pub(crate) enum Command {
    List(List),
    Show(show::Show),
    Replay(Replay),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Replay(args) => args.run(app),
        }
    }
}

/// An event without its body.
#[derive(Serialize)]
struct EventSummary {
    event_id: EventId,
    r#type: String,
    user_id: Option<UserId>,
    received_at: Timestamp,
    state: ForwardState,
    attempts: u32,
    /// `None` unless the event is waiting.
    next_attempt_at: Option<Timestamp>,
    problem: Option<String>,
    trace_id: Option<String>,
    reference: Option<String>,
    ordering: Option<String>,
    size_bytes: usize,
}

impl From<&ReceivedEvent> for EventSummary {
    fn from(event: &ReceivedEvent) -> Self {
        let waits = event.state == ForwardState::Waiting;
        Self {
            event_id: event.event_id,
            r#type: event.kind.clone(),
            user_id: event.user_id,
            received_at: event.received_at,
            state: event.state,
            attempts: event.attempts,
            next_attempt_at: waits.then_some(event.next_attempt_at),
            problem: event.problem.clone(),
            trace_id: event.trace_id.clone(),
            reference: event.reference.clone(),
            ordering: event.ordering.clone(),
            size_bytes: event.body.len(),
        }
    }
}

impl GatewayPaths {
    /// Opens the inbox of an environment's gateway, which may be running. Returns an error if there is no store, and
    /// never creates one.
    pub(crate) async fn inbox(&self, environment: Environment) -> anyhow::Result<Inbox> {
        let address = self.store(&self.read()?.settings, environment);
        require_store(&address)?;
        let store = match open_shared(&address).await {
            Err(error @ OpenError::Sqlite(SqliteError::InUse(_))) => {
                let next = "a server uses this store; pass the gateway's with --config, --data-dir or \
                            TERRA_AUTH_GATEWAY_STORE";
                return Err(CommandError::new(FailureKind::Misused, error.to_string(), next).into());
            }
            store => store.map_err(with_remedy)?,
        };
        Ok(Inbox::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy)))
    }
}

fn require_store(address: &SecretString) -> anyhow::Result<()> {
    let Some(rest) = address.expose_secret().strip_prefix("sqlite:") else { return Ok(()) };
    let path = Path::new(rest.trim_start_matches("//"));
    let (message, next) = match rest {
        ":memory:" => {
            let message = "the gateway's store is in memory, which other processes cannot read";
            (message.to_owned(), "configure a file: `store` in gateway.toml, or TERRA_AUTH_GATEWAY_STORE")
        }
        _ if path.exists() => return Ok(()),
        _ => {
            let message = format!("there is no gateway store at {}", path.display());
            (message, "start one with `terra-auth gateway`, or select its store with --env, --config or --data-dir")
        }
    };
    Err(CommandError::new(FailureKind::NotFound, message, next).into())
}

/// Forward events to the app again, in any state
///
/// A running gateway with --forward-to starts within a second. The app receives the same trace id as
/// before.
#[derive(Args)]
#[command(group = ArgGroup::new("selection").required(true))]
#[command(after_help = examples![
    "terra-auth gateway events replay 00000000-0000-7000-8000-000000000001",
    "terra-auth gateway events replay --dead --limit 10",
])]
pub(crate) struct Replay {
    /// Event ids, as listed by `terra-auth gateway events list`
    #[arg(group = "selection")]
    event_id: Vec<EventId>,
    /// All dead events, oldest first
    #[arg(long, group = "selection")]
    dead: bool,
    /// Maximum number of dead events
    #[arg(long, value_name = "N", requires = "dead", default_value_t = 10_000)]
    limit: u32,
    #[command(flatten)]
    paths: GatewayPaths,
}

impl Replay {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { event_id: event_ids, dead, limit, paths } = self;
        let replayed = app::block_on(async {
            let inbox = paths.inbox(app.environment).await?;
            let replayed = async {
                if dead { Ok((inbox.replay_dead(limit).await?, vec![])) } else { replay_all(&inbox, &event_ids).await }
            };
            replayed.await.context("could not replay the events")
        });
        let (replayed, missing) = replayed??;
        app.ui.result(|| plain(replayed), &json!({ "replayed": replayed, "unknown": missing }))?;
        if missing.is_empty() { Ok(()) } else { Err(unknown_events_error(&missing).into()) }
    }
}

/// Marks events to be forwarded again. Returns how many, and the unknown ids.
async fn replay_all(inbox: &Inbox, event_ids: &[EventId]) -> Result<(u64, Vec<EventId>), StoreError> {
    let mut missing = Vec::new();
    for event_id in event_ids {
        if !inbox.replay(*event_id).await? {
            missing.push(*event_id);
        }
    }
    Ok(((event_ids.len() - missing.len()) as u64, missing))
}

fn plain(replayed: u64) -> String {
    match replayed {
        0 => "No event to replay".to_owned(),
        1 => "1 event will be forwarded again".to_owned(),
        _ => format!("{replayed} events will be forwarded again"),
    }
}

/// List the received events, newest first
///
/// An event is `waiting` until the app accepts it, and then `done`. It is `dead` if every attempt
/// failed, and `kept` if no app was configured to forward it to.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth gateway events list --type auth --limit 10",
    "terra-auth gateway events list --state dead --output json | jq '.[].problem'",
])]
pub(crate) struct List {
    /// Only events in this forwarding state
    #[arg(long, value_name = "STATE", value_parser = states().try_map(|name| state(&name)))]
    state: Option<ForwardState>,
    /// Only events of this type, such as `auth`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only events about this user
    #[arg(long = "user", value_name = "USER_ID")]
    user_id: Option<UserId>,
    /// Only events received before this one
    #[arg(long, value_name = "EVENT_ID")]
    before: Option<EventId>,
    /// Maximum number of events
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    paths: GatewayPaths,
}

/// Number of events per query. Each event is read with its body.
const PAGE_SIZE: u32 = 50;

impl List {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { state, kind, user_id, before, limit, paths } = self;
        let filter = EventFilter { before, state, kind, user_id, limit: limit + 1 };
        let listed = app::block_on(async {
            let inbox = paths.inbox(app.environment).await?;
            list_events(&inbox, filter).await.context("could not read the events")
        });
        let mut facts = listed??;
        let more = facts.len() > limit as usize;
        facts.truncate(limit as usize);
        app.ui.result(|| rows(&facts), &facts)?;
        if let Some(last) = facts.last().filter(|_| more) {
            app.ui.warn(&format!("there are more than {limit} events; continue with --before {}", last.event_id))?;
        }
        Ok(())
    }
}

async fn list_events(inbox: &Inbox, filter: EventFilter) -> Result<Vec<EventSummary>, StoreError> {
    let (mut facts, mut left, mut before) = (Vec::<EventSummary>::new(), filter.limit, filter.before);
    while left > 0 {
        let page = inbox.events(&EventFilter { before, limit: left.min(PAGE_SIZE), ..filter.clone() }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.event_id);
        left = left.saturating_sub(PAGE_SIZE);
        facts.extend(page.iter().map(EventSummary::from));
    }
    Ok(facts)
}

fn rows(facts: &[EventSummary]) -> String {
    let row = |facts: &EventSummary| {
        let EventSummary { event_id, r#type, user_id, received_at, state, attempts, problem, .. } = facts;
        [
            event_id.to_string(),
            format_minute(*received_at),
            shown(r#type),
            user_id.map(|id| id.to_string()).unwrap_or_default(),
            state.as_str().to_owned(),
            attempts.to_string(),
            problem.as_deref().map(shown).unwrap_or_default(),
        ]
    };
    let header = ["event_id", "received", "type", "user_id", "state", "attempts", "problem"];
    table(header, facts.iter().map(row))
}

fn states() -> PossibleValuesParser {
    let all = [ForwardState::Waiting, ForwardState::Done, ForwardState::Dead, ForwardState::Kept];
    PossibleValuesParser::new(all.map(ForwardState::as_str))
}

fn state(name: &str) -> Result<ForwardState, &'static str> {
    ForwardState::from_name(name).ok_or("no such state")
}
