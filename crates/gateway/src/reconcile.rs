//! Compares the known connections with those of the upstream, because an event can be lost.

mod drift;
mod question;
mod regularly;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, pin::pin};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use terra_auth::{Client, Error};
use terra_auth_model::{
    clock::Clock,
    known_connection::{ConnectionState, KnownConnection},
    store_error::StoreError,
};
use terra_auth_types::{UserId, wire::TerraUser};

pub use self::drift::{Drift, DriftReport, Example};
use crate::inbox::{Inbox, ReconcileItem};

/// The permissions of a run.
#[derive(Clone, Copy)]
pub struct ReconcileOptions<'a> {
    /// Repair differences instead of reporting them only.
    pub repair: bool,
    /// Trust the upstream even if most known connections are missing there.
    pub force: bool,
    /// Receives the progress.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// The progress of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The number of users read from the upstream.
    Listed(u64),
    /// The number of connections looked up one by one.
    Asked(u64),
}

/// Why the comparison failed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The list could not be read completely.
    #[error("could not read the complete list of users")]
    List(#[source] Error),
    /// The pages of the list repeat.
    #[error("the list of users repeats itself")]
    Repeats,
    /// The keys may belong to another environment than the connections.
    #[error("{gone} of {known} connections do not exist at the API; check that the keys belong to this environment")]
    Suspicious {
        /// The number of known active or failing connections.
        known: u64,
        /// The number of them that the list lacks.
        gone: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The number of users compared at once.
const PAGE: u32 = 500;
/// The maximum number of lookups in a run.
const MAX_QUESTIONS: usize = 1000;

/// Compares the known connections with those of the upstream; with `repair`, applies the differences.
///
/// Nothing is changed before the list was read completely. A connection that the list lacks is looked up, and counts as gone
/// only if the upstream reports that there is no such user; a failed lookup changes nothing. Rows that change during the run
/// are skipped. A repair reads the list a second time, so that it need not be in memory.
///
/// # Errors
///
/// See [`ReconcileError`]. Nothing was changed, unless the second reading failed: its first part is then applied.
pub async fn reconcile(
    client: &Client,
    inbox: &Inbox,
    clock: &dyn Clock,
    options: ReconcileOptions<'_>,
) -> Result<Drift, ReconcileError> {
    let run = Run { client, inbox, began: clock.now(), options };
    let mut drift = Drift::default();
    let listed = run.compare_all(&mut drift).await?;
    let unlisted = run.unlisted(&listed, &mut drift).await?;
    if !options.force && is_suspicious(drift.known, unlisted.count) {
        return Err(ReconcileError::Suspicious { known: drift.known, gone: unlisted.count });
    }
    if options.repair && drift.missing.count + drift.changed.count > 0 {
        drift.repaired += run.add_found(clock.now()).await?;
    }
    run.ask_one_by_one(&listed, unlisted, &mut drift).await?;
    Ok(drift)
}

fn is_suspicious(known: u64, unlisted: u64) -> bool {
    (known >= 5 && unlisted == known) || (known >= 20 && unlisted * 2 > known)
}

struct Run<'a> {
    client: &'a Client,
    inbox: &'a Inbox,
    began: Timestamp,
    options: ReconcileOptions<'a>,
}

/// Known connections that the list lacks.
#[derive(Default)]
struct MissingConnections {
    count: u64,
    /// The first ones.
    some: Vec<KnownConnection>,
}

impl Run<'_> {
    /// Compares each user in the list. Returns the users in it.
    async fn compare_all(&self, drift: &mut Drift) -> Result<HashSet<UserId>, ReconcileError> {
        let (mut listed, mut repeated) = (HashSet::new(), 0);
        let mut pages = pin!(self.client.subscriptions().try_chunks(PAGE as usize));
        while let Some(mut users) = pages.try_next().await.map_err(|broken| ReconcileError::List(broken.1))? {
            let read = users.len();
            users.retain(|user| listed.insert(user.user_id));
            repeated += read - users.len(); // users can repeat if others connect during the run
            if repeated > listed.len().max(PAGE as usize) {
                return Err(ReconcileError::Repeats);
            }
            self.compare(&users, drift).await?;
            drift.upstream = listed.len() as u64;
            (self.options.progress)(Progress::Listed(drift.upstream));
        }
        Ok(listed)
    }

    async fn compare(&self, users: &[TerraUser], drift: &mut Drift) -> Result<(), StoreError> {
        let differences = self.inbox.differences(users, self.began).await?;
        for (user, difference) in users.iter().zip(differences) {
            match difference {
                Some(ReconcileItem::Missing) => drift.missing.add(user),
                Some(ReconcileItem::Changed) => drift.changed.add(user),
                None => {}
            }
        }
        Ok(())
    }

    async fn unlisted(&self, listed: &HashSet<UserId>, drift: &mut Drift) -> Result<MissingConnections, StoreError> {
        let (mut unlisted, mut after) = (MissingConnections::default(), None);
        loop {
            let page = self.inbox.known_connections_page(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(unlisted) };
            after = Some(last.user_id);
            for known in page.into_iter().filter(|known| is_live(known) && known.changed_at <= self.began) {
                drift.known += 1;
                if !listed.contains(&known.user_id) {
                    unlisted.add(known);
                }
            }
        }
    }

    async fn add_found(&self, seen_at: Timestamp) -> Result<u64, ReconcileError> {
        let mut adopted = 0;
        let mut pages = pin!(self.client.subscriptions().try_chunks(PAGE as usize));
        while let Some(users) = pages.try_next().await.map_err(|broken| ReconcileError::List(broken.1))? {
            adopted += u64::from(self.inbox.add_found_connections(&users, seen_at).await?);
        }
        Ok(adopted)
    }
}

impl MissingConnections {
    fn add(&mut self, known: KnownConnection) {
        self.count += 1;
        if self.some.len() < MAX_QUESTIONS {
            self.some.push(known);
        }
    }
}

fn is_live(known: &KnownConnection) -> bool {
    matches!(known.state, ConnectionState::Active | ConnectionState::Failing)
}
