//! Compares what is known with what the upstream has: an event may never have come.

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
    /// Take over what differs; else it is only told.
    pub repair: bool,
    /// Believe the upstream even if it misses most of what is known.
    pub force: bool,
    /// Hears how far the run is.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many users of the upstream were read.
    Listed(u64),
    /// So many were asked for one by one.
    Asked(u64),
}

/// Why nothing is known about the drift.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The part of the list that was read says nothing about the other part.
    #[error("could not read the list of users to its end")]
    List(#[source] Error),
    /// The list goes round in circles.
    #[error("the list of users repeats itself")]
    Repeats,
    /// These keys may be another environment's than those the connections were made with.
    #[error("of {known} connections the API has {gone} no longer: are these the keys of another environment?")]
    Suspicious {
        /// How many we hold as active or failing.
        known: u64,
        /// How many of them the list does not have.
        gone: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Users compared at once.
const PAGE: u32 = 500;
/// How many are asked for one by one in a run.
const MAX_QUESTIONS: usize = 1000;

/// Compares what is known with what the upstream has; with `repair`, takes over what differs.
///
/// Nothing is changed before the list was read to its end. A connection that it does not have is asked for by itself,
/// and is gone only if the upstream says that there is no such user; a question without an answer changes nothing.
/// Rows that change during the run are left alone. To repair, the list is read once more, so that it need not be held.
///
/// # Errors
///
/// [`ReconcileError`]; nothing was changed, unless the second reading broke off: what it had come to is taken over.
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

/// Connections that we hold and the list does not have.
#[derive(Default)]
struct MissingConnections {
    count: u64,
    /// The first of them.
    some: Vec<KnownConnection>,
}

impl Run<'_> {
    /// Compares each user in the list, and answers who is in it.
    async fn compare_all(&self, drift: &mut Drift) -> Result<HashSet<UserId>, ReconcileError> {
        let (mut listed, mut repeated) = (HashSet::new(), 0);
        let mut pages = pin!(self.client.subscriptions().try_chunks(PAGE as usize));
        while let Some(mut users) = pages.try_next().await.map_err(|broken| ReconcileError::List(broken.1))? {
            let read = users.len();
            users.retain(|user| listed.insert(user.user_id));
            repeated += read - users.len(); // some do, when others connect meanwhile
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
