use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    known_connection::ConnectionState,
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::wire::TerraUser;

use crate::inbox::{Inbox, connection_update::ConnectionUpdate};

/// How a user of the upstream differs from the known connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileItem {
    /// The connection is not known, or known as deauthenticated.
    Missing,
    /// The connection is known with other values.
    Changed,
}

impl Inbox {
    /// Returns the change that [`Inbox::add_found_connections`] would make for each of these users,
    /// in their order; `None` for a user without a difference.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn differences(
        &self,
        users: &[TerraUser],
        seen_at: Timestamp,
    ) -> Result<Vec<Option<ReconcileItem>>, StoreError> {
        self.0.store.run(Differences { news: self.listed_updates(users, seen_at) }).await
    }
}

struct Differences {
    news: Vec<ConnectionUpdate>,
}

#[async_trait]
impl Unit for Differences {
    type Done = Vec<Option<ReconcileItem>>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let mut differences = Vec::with_capacity(self.news.len());
        for news in &self.news {
            differences.push(difference(tx, news).await?);
        }
        Ok(differences)
    }
}

async fn difference(tx: &mut dyn Tx, news: &ConnectionUpdate) -> Result<Option<ReconcileItem>, StoreError> {
    let Some(known) = tx.lock_known_connection(news.as_new_connection().user_id).await? else {
        return Ok(Some(ReconcileItem::Missing));
    };
    let over = known.state == ConnectionState::Deauthenticated;
    let kind = if over { ReconcileItem::Missing } else { ReconcileItem::Changed };
    Ok(news.apply_to(&known).map(|_| kind))
}
