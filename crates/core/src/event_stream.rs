//! Follows the events of an environment as they are stored.
//!
//! Ids sort by creation time, but transactions can commit in another order. A stream therefore reads the latest
//! 15 seconds again at each poll, and skips the events that it has returned.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{event::EventRecord, store_error::StoreError};
use terra_auth_types::{DevId, EventId};
use uuid::{Builder, Uuid};

use crate::auth::Auth;

/// The longest time between the creation of an event and its commit. It includes the difference of the nodes' clocks.
const OVERLAP: SignedDuration = SignedDuration::from_secs(15);
/// The number of events that one query returns.
const PAGE_SIZE: u32 = 100;

/// The events of one environment, each returned once.
pub struct EventStream {
    auth: Auth,
    dev_id: DevId,
    /// Events at or before this id are not returned.
    start: EventId,
    /// The returned events that the next poll may read again.
    returned: BTreeSet<EventId>,
}

impl Auth {
    /// Starts a stream after an event, or with the events that are created from now on.
    #[must_use]
    pub fn event_stream(&self, dev_id: &DevId, after: Option<EventId>) -> EventStream {
        let start = after.unwrap_or_else(|| first_id_at(self.now()));
        EventStream { auth: self.clone(), dev_id: dev_id.clone(), start, returned: after.into_iter().collect() }
    }
}

impl EventStream {
    /// Returns the events that were stored since the last call, in the order of their ids, at most 100.
    ///
    /// # Errors
    ///
    /// The store failed; the next call returns the same events.
    pub async fn poll(&mut self) -> Result<Vec<EventRecord>, StoreError> {
        let mut after = self.overlap_start();
        loop {
            let page = self.auth.events_after(&self.dev_id, Some(after), PAGE_SIZE).await?;
            let is_last = page.len() < PAGE_SIZE as usize;
            after = page.last().map_or(after, |event| event.event_id);
            let new: Vec<_> = page.into_iter().filter(|event| !self.returned.contains(&event.event_id)).collect();
            if is_last || !new.is_empty() {
                self.returned.extend(new.iter().map(|event| event.event_id));
                let oldest = self.overlap_start();
                self.returned.retain(|event_id| *event_id >= oldest);
                return Ok(new);
            }
        }
    }

    /// The id after which the next poll reads.
    fn overlap_start(&self) -> EventId {
        let Some(latest) = self.returned.last() else { return self.start };
        let created_at =
            latest.0.get_timestamp().and_then(|at| Timestamp::from_second(at.to_unix().0.cast_signed()).ok());
        let overlap = created_at.and_then(|at| at.checked_sub(OVERLAP).ok()).map(first_id_at);
        overlap.map_or(self.start, |overlap| overlap.max(self.start))
    }
}

/// The smallest id of an event that is created at an instant.
pub(crate) fn first_id_at(instant: Timestamp) -> EventId {
    let milliseconds = u64::try_from(instant.as_millisecond()).unwrap_or_default();
    let id: Uuid = Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid();
    EventId(id)
}
