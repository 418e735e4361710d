use anyhow::Context as _;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use terra_auth::UserId;
use terra_auth_gateway::inbox::Inbox;
use terra_auth_model::{
    received_event::{EventFilter, ForwardState},
    store_error::StoreError,
};
use terra_auth_types::EventId;

use super::{super::options::GatewayPaths, EventSummary};
use crate::{
    app::{self, App},
    command::users::format_minute,
    ui::{shown, table},
};

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
            list(&inbox, filter).await.context("could not read the events")
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

async fn list(inbox: &Inbox, filter: EventFilter) -> Result<Vec<EventSummary>, StoreError> {
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
