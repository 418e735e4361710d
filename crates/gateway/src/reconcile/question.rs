//! Looks up connections that the list lacks.

use std::collections::HashSet;

use terra_auth::Error;
use terra_auth_model::{known_connection::KnownConnection, store_error::StoreError};
use terra_auth_types::{UserId, wire::UserInfo};

use super::{Drift, MissingConnections, Progress, Run};

/// The number of consecutive failed lookups after which the run stops looking up.
const MAX_FAILURES: u32 = 5;

impl Run<'_> {
    pub(super) async fn ask_one_by_one(
        &self,
        listed: &HashSet<UserId>,
        unlisted: MissingConnections,
        drift: &mut Drift,
    ) -> Result<(), StoreError> {
        drift.not_asked = unlisted.count;
        if unlisted.count == 0 || !self.is_believable(listed).await {
            return Ok(());
        }
        let mut failures = 0;
        for (asked, known) in (1..).zip(&unlisted.some) {
            drift.not_asked -= 1;
            let answer = self.client.user_info(known.user_id).await;
            failures = if answer.as_ref().is_err_and(|error| !says_unknown(error)) { failures + 1 } else { 0 };
            self.verdict(known, answer, drift).await?;
            (self.options.progress)(Progress::Asked(asked));
            if failures == MAX_FAILURES {
                break;
            }
        }
        Ok(())
    }

    /// Whether the upstream finds a user that it lists. Otherwise its lookups are not trustworthy.
    async fn is_believable(&self, listed: &HashSet<UserId>) -> bool {
        match listed.iter().next() {
            Some(user_id) => self.client.user_info(*user_id).await.is_ok(),
            None => true,
        }
    }

    async fn verdict(
        &self,
        known: &KnownConnection,
        answer: Result<UserInfo, Error>,
        drift: &mut Drift,
    ) -> Result<(), StoreError> {
        match answer {
            Ok(info) if info.is_authenticated && info.user.user.user_id == known.user_id => {
                let user = [info.user.user]; // the list lacked it
                self.compare(&user, drift).await?;
                if self.options.repair {
                    drift.repaired += u64::from(self.inbox.add_found_connections(&user, self.began).await?);
                }
            }
            Err(error) if says_unknown(&error) => {
                drift.gone.add(known);
                if self.options.repair {
                    drift.repaired += u64::from(self.inbox.mark_missing(known.user_id, self.began).await?);
                }
            }
            Ok(_) | Err(_) => drift.unknown += 1,
        }
        Ok(())
    }
}

/// Whether a response means that there is no such user in this environment.
///
/// Source: "Users" in `docs/compatibility.md`.
fn says_unknown(error: &Error) -> bool {
    let says = |text: &str| text.to_ascii_lowercase().replace('_', " ").contains("invalid user id");
    match error {
        Error::NotFound(refusal) => refusal.status == 404,
        Error::InvalidInput(refusal) => says(&refusal.message) || refusal.code.as_deref().is_some_and(says),
        _ => false,
    }
}
