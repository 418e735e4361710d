//! `terra-auth gateway events`: received events and their forwarding state.

mod list;
mod replay;
mod show;

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;
use terra_auth::UserId;
use terra_auth_model::received_event::{ForwardState, ReceivedEvent};
use terra_auth_types::EventId;

use crate::app::App;

/// List, show and replay the events that the gateway received
///
/// The gateway may be running. Events are stored for 14 days.
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth gateway events list --state dead",
    "terra-auth gateway events replay --dead",
])]
pub(crate) enum Command {
    List(list::List),
    Show(show::Show),
    Replay(replay::Replay),
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
