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
    provider::{Ends, Tokens},
    seal::Place,
    store::{StoreError, Tx},
};

/// Why a connection ends.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// Somebody wants it gone.
    Removed,
    /// The end user connected again, and got these tokens.
    Replaced(Option<&'a Tokens>),
}

/// Removes a connection, and leaves behind what is owed to its provider; `None` if it was not there.
///
/// Of several connections of one account that end at once, the last one sees that it is the last: the rows of the account
/// are held before any of them goes.
pub(crate) async fn end_connection(
    auth: &Auth,
    tx: &mut dyn Tx,
    (dev_id, user_id): (&DevId, UserId),
    end: End<'_>,
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
    fn spares(&self, connection: &Connection, end: End<'_>, others_live: bool) -> Option<RevocationReason> {
        let by_itself = connection.grant.is_some() && self.ends(&connection.provider) == Ends::Grant;
        match end {
            End::Removed => (!by_itself && others_live).then_some(RevocationReason::OtherConnections),
            End::Replaced(tokens) => {
                let goes_on = !by_itself || tokens.is_none_or(|tokens| self.gave_again(connection, tokens));
                goes_on.then_some(RevocationReason::Replaced)
            }
        }
    }

    /// Whether the new tokens are some of the old ones, or might be.
    fn gave_again(&self, connection: &Connection, tokens: &Tokens) -> bool {
        let row = connection.user_id.to_string();
        let place = Place { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
        let opened = connection.grant.as_ref().and_then(|grant| self.keys.open(place, grant).ok());
        let before = opened.and_then(|opened| Tokens::from_json(&opened));
        before.is_none_or(|before| before.shares_with(tokens))
    }

    /// How much a revoke call ends.
    pub(crate) fn ends(&self, provider: &Provider) -> Ends {
        self.providers.revoke_policy(provider).map(|policy| policy.ends).unwrap_or_default()
    }
}
