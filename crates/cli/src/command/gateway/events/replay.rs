use anyhow::Context as _;
use clap::{ArgGroup, Args};
use serde_json::json;
use terra_auth_gateway::inbox::Inbox;
use terra_auth_model::store_error::StoreError;
use terra_auth_types::EventId;

use super::{super::options::GatewayPaths, show::unknown_events_error};
use crate::app::{self, App};

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
                if dead { Ok((inbox.replay_dead(limit).await?, vec![])) } else { replay(&inbox, &event_ids).await }
            };
            replayed.await.context("could not replay the events")
        });
        let (replayed, missing) = replayed??;
        app.ui.result(|| plain(replayed), &json!({ "replayed": replayed, "unknown": missing }))?;
        if missing.is_empty() { Ok(()) } else { Err(unknown_events_error(&missing).into()) }
    }
}

/// Marks events to be forwarded again. Returns how many, and the unknown ids.
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
        0 => "No event to replay".to_owned(),
        1 => "1 event will be forwarded again".to_owned(),
        _ => format!("{replayed} events will be forwarded again"),
    }
}
