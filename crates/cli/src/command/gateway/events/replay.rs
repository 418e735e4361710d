use anyhow::Context as _;
use clap::{ArgGroup, Args};
use serde_json::json;
use terra_auth_core::{inbox::Inbox, store::StoreError};
use terra_auth_types::EventId;

use super::{super::options::Places, show::unknown};
use crate::app::{self, App};

/// Forward events to the app once more, however their way went
///
/// A gateway that runs and has an app to forward to begins within a second. The app sees the same trace id as before.
#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = examples![
    "terra-auth gateway events replay 00000000-0000-7000-8000-000000000001",
    "terra-auth gateway events replay --dead --limit 10",
])]
pub(crate) struct Replay {
    /// The events, as `terra-auth gateway events list` shows them
    #[arg(group = "which")]
    event_id: Vec<EventId>,
    /// All that were given up, oldest first
    #[arg(long, group = "which")]
    dead: bool,
    /// At most this many of them
    #[arg(long, value_name = "N", requires = "dead", default_value_t = 10_000)]
    limit: u32,
    #[command(flatten)]
    places: Places,
}

impl Replay {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { event_id: event_ids, dead, limit, places } = self;
        let replayed = app::wait(async {
            let inbox = places.inbox(app.environment).await?;
            let replayed = async {
                if dead { Ok((inbox.replay_dead(limit).await?, vec![])) } else { replay(&inbox, &event_ids).await }
            };
            replayed.await.context("could not replay the events")
        });
        let (replayed, missing) = replayed??;
        app.ui.result(|| plain(replayed), &json!({ "replayed": replayed, "unknown": missing }))?;
        if missing.is_empty() { Ok(()) } else { Err(unknown(&missing).into()) }
    }
}

/// How many are forwarded, and which are not there.
async fn replay(inbox: &Inbox, event_ids: &[EventId]) -> Result<(u64, Vec<EventId>), StoreError> {
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
        0 => "Nothing to forward".to_owned(),
        1 => "1 event is forwarded once more".to_owned(),
        _ => format!("{replayed} events are forwarded once more"),
    }
}
