use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use terra_auth_core::inbox::ReceivedEvent;
use terra_auth_types::EventId;

use super::{super::options::Places, Facts};
use crate::{
    app::{self, App},
    command::users::minute,
    failure::{Advice, Kind},
    ui::shown,
};

/// Show one event, with its body: health data of an end user, perhaps
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth gateway events show 00000000-0000-7000-8000-000000000001",
    "terra-auth gateway events show 00000000-0000-7000-8000-000000000001 --raw > body.json",
])]
pub(crate) struct Show {
    /// The event, as `terra-auth gateway events list` shows it
    event_id: EventId,
    /// Write the body alone, byte for byte as it came
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    places: Places,
}

impl Show {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { event_id, raw, places } = self;
        let found = app::wait(async {
            let inbox = places.inbox(app.environment).await?;
            inbox.event(event_id).await.context("could not read the event")
        });
        let event = found??.ok_or_else(|| unknown(&[event_id]))?;
        if raw {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(&event.body)?;
            return Ok(stdout.flush()?);
        }
        let whole = Whole::of(&event);
        app.ui.result(|| whole.plain(), &whole)
    }
}

pub(super) fn unknown(event_ids: &[EventId]) -> Advice {
    let ids: Vec<_> = event_ids.iter().map(ToString::to_string).collect();
    let next = "see what is there with `terra-auth gateway events list`; events are kept for 14 days";
    Advice::new(Kind::NotFound, format!("no such event: {}", ids.join(", ")), next)
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    facts: Facts,
    /// Text if it is no JSON.
    body: Value,
}

impl Whole {
    fn of(event: &ReceivedEvent) -> Self {
        let text = || Value::String(String::from_utf8_lossy(&event.body).into_owned());
        let body = serde_json::from_slice(&event.body).unwrap_or_else(|_| text());
        Self { facts: Facts::from(event), body }
    }

    fn plain(&self) -> String {
        let facts = &self.facts;
        let or_none = |text: Option<String>| text.map_or_else(|| "–".to_owned(), |text| shown(&text));
        let lines = [
            ("event_id", facts.event_id.to_string()),
            ("type", shown(&facts.r#type)),
            ("user_id", or_none(facts.user_id.map(|id| id.to_string()))),
            ("received", minute(facts.received_at)),
            ("state", facts.state.as_str().to_owned()),
            ("attempts", facts.attempts.to_string()),
            ("next attempt", or_none(facts.next_attempt_at.map(minute))),
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
