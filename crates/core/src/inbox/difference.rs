use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::wire::TerraUser;

use super::Inbox;
use crate::{
    known_connection::{ConnectionState, News},
    store::{StoreError, Tx, Unit},
};

/// How a user of the upstream differs from what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is not known, or as one that is over.
    Missing,
    /// It is known otherwise than the upstream has it.
    Changed,
}

impl Inbox {
    /// What [`Inbox::adopt`] would do to each of these users, in their order; `None` for one that is known as it is.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn differences(
        &self,
        users: &[TerraUser],
        seen_at: Timestamp,
    ) -> Result<Vec<Option<Difference>>, StoreError> {
        self.0.store.run(Differences { news: self.sightings(users, seen_at) }).await
    }
}

struct Differences {
    news: Vec<News>,
}

#[async_trait]
impl Unit for Differences {
    type Done = Vec<Option<Difference>>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let mut differences = Vec::with_capacity(self.news.len());
        for news in &self.news {
            differences.push(difference(tx, news).await?);
        }
        Ok(differences)
    }
}

async fn difference(tx: &mut dyn Tx, news: &News) -> Result<Option<Difference>, StoreError> {
    let Some(known) = tx.hold_known_connection(news.alone().user_id).await? else {
        return Ok(Some(Difference::Missing));
    };
    let over = known.state == ConnectionState::Deauthenticated;
    let kind = if over { Difference::Missing } else { Difference::Changed };
    Ok(known.after(news).map(|_| kind))
}
