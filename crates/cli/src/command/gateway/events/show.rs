use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use terra_auth_model::received_event::ReceivedEvent;
use terra_auth_types::EventId;

use super::{super::options::GatewayPaths, EventSummary};
use crate::{
    app::{self, App},
    command::users::format_minute,
    failure::{CommandError, FailureKind},
    terminal::ui::shown,
};

/// Show one event with its body, which may contain health data of an end user
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth gateway events show 00000000-0000-7000-8000-000000000001",
    "terra-auth gateway events show 00000000-0000-7000-8000-000000000001 --raw > body.json",
])]
pub(crate) struct Show {
    /// Event id, as listed by `terra-auth gateway events list`
    event_id: EventId,
    /// Print only the body, byte for byte as received
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    paths: GatewayPaths,
}

impl Show {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { event_id, raw, paths } = self;
        let found = app::block_on(async {
            let inbox = paths.inbox(app.environment).await?;
            inbox.event(event_id).await.context("could not read the event")
        });
        let event = found??.ok_or_else(|| unknown_events_error(&[event_id]))?;
        if raw {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(&event.body)?;
            return Ok(stdout.flush()?);
        }
        let details = EventDetails::of(&event);
        app.ui.result(|| details.plain(), &details)
    }
}

pub(super) fn unknown_events_error(event_ids: &[EventId]) -> CommandError {
    let ids: Vec<_> = event_ids.iter().map(ToString::to_string).collect();
    let next = "list the events with `terra-auth gateway events list`; they are stored for 14 days";
    CommandError::new(FailureKind::NotFound, format!("no such event: {}", ids.join(", ")), next)
}

#[derive(Serialize)]
struct EventDetails {
    #[serde(flatten)]
    facts: EventSummary,
    /// A string if the body is not JSON.
    body: Value,
}

impl EventDetails {
    fn of(event: &ReceivedEvent) -> Self {
        let text = || Value::String(String::from_utf8_lossy(&event.body).into_owned());
        let body = serde_json::from_slice(&event.body).unwrap_or_else(|_| text());
        Self { facts: EventSummary::from(event), body }
    }

    fn plain(&self) -> String {
        let facts = &self.facts;
        let or_none = |text: Option<String>| text.map_or_else(|| "–".to_owned(), |text| shown(&text));
        let lines = [
            ("event_id", facts.event_id.to_string()),
            ("type", shown(&facts.r#type)),
            ("user_id", or_none(facts.user_id.map(|id| id.to_string()))),
            ("received", format_minute(facts.received_at)),
            ("state", facts.state.as_str().to_owned()),
            ("attempts", facts.attempts.to_string()),
            ("next attempt", or_none(facts.next_attempt_at.map(format_minute))),
            ("problem", or_none(facts.problem.clone())),
            ("trace id", or_none(facts.trace_id.clone())),
            ("reference", or_none(facts.reference.clone())),
            ("ordering", or_none(facts.ordering.clone())),
            ("size", format!("{} bytes", facts.size_bytes)),
        ];
        let body = self.body.as_str().map_or_else(|| format!("{:#}", self.body), str::to_owned);
        let facts = lines.map(|(name, value)| format!("{name:<16} {value}"));
        [facts.to_vec(), vec![String::new()], body.lines().map(shown).collect()].concat().join("\n")
    }
}
