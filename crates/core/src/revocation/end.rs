//! The end of a connection, and what its provider is told about it.

use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{RevocationOutcome, RevocationReason},
};

use super::{Revocation, Settlement};
use crate::{
    auth::Auth,
    connection::Connection,
    provider::Ends,
    store::{StoreError, Tx},
};

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody wants it gone.
    Removed,
    /// The end user connected again.
    Replaced,
}

/// Removes a connection, and leaves behind what is owed to its provider; `None` if it was not there.
///
/// Of several connections of one account that end at once, the last one sees that it is the last: the rows of the account
/// are held before any of them goes.
pub(crate) async fn end_connection(
    auth: &Auth,
    tx: &mut dyn Tx,
    (dev_id, user_id): (&DevId, UserId),
    end: End,
    now: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    let Some(seen) = tx.connection(dev_id, user_id).await? else { return Ok(None) };
    let held = tx.hold_grants_of_account(dev_id, &seen.provider, &seen.account).await?;
    let Some(connection) = tx.take_connection(dev_id, user_id).await? else { return Ok(None) };
    let (own, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|grant| grant.user_id == user_id);
    let mut owed = Revocation::of(&connection, now);
    if let Some(own) = own.first() {
        owed.in_flight_since = own.in_flight_since;
        owed.next_attempt_at = own.lease_until.map_or(now, |until| until.max(now));
    }
    tx.add_revocation(&owed).await?;
    let live = others.iter().any(|grant| !grant.state.is_over());
    if let Some(reason) = auth.spares(&connection, end, live) {
        let settlement = Settlement::without_call(RevocationOutcome::NotNeeded, reason, now);
        tx.settle_revocation(&owed, &settlement).await?;
    }
    Ok(Some(connection))
}

impl Auth {
    /// Why a provider is not asked to revoke a connection's grant.
    fn spares(&self, connection: &Connection, end: End, others_live: bool) -> Option<RevocationReason> {
        if connection.grant.is_some() && self.ends(&connection.provider) == Ends::Grant {
            return None;
        }
        match end {
            End::Replaced => Some(RevocationReason::Replaced),
            End::Removed => others_live.then_some(RevocationReason::OtherConnections),
        }
    }

    /// How much a revoke call ends.
    pub(crate) fn ends(&self, provider: &Provider) -> Ends {
        self.providers.revoke_policy(provider).map(|policy| policy.ends).unwrap_or_default()
    }
}
