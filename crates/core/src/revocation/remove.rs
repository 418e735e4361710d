//! Removes a connection, and decides whether its grant must be revoked.

use jiff::Timestamp;
use terra_auth_model::{
    connection::Connection,
    keys::SealContext,
    provider::{RevokeScope, Tokens},
    revocation::{Revocation, RevocationResult},
    store::Tx,
    store_error::StoreError,
};
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{RevocationOutcome, RevocationReason},
};

use crate::auth::Auth;

/// Why a connection is removed.
#[derive(Clone, Copy)]
pub(crate) enum RemovalReason<'a> {
    /// Removed on request.
    Removed,
    /// The end user connected again and got these tokens.
    Replaced(Option<&'a Tokens>),
}

/// Removes a connection and adds a revocation of its grant; `None` if the connection does not exist.
///
/// The rows of the account are locked first. If several connections of one account are removed concurrently,
/// exactly one of these calls finds that its connection is the last.
pub(crate) async fn remove_connection(
    auth: &Auth,
    tx: &mut dyn Tx,
    (dev_id, user_id): (&DevId, UserId),
    end: RemovalReason<'_>,
    now: Timestamp,
) -> Result<Option<Connection>, StoreError> {
    let Some(seen) = tx.connection(dev_id, user_id).await? else { return Ok(None) };
    let held = tx.lock_grants_of_account(dev_id, &seen.provider, &seen.account).await?;
    let Some(connection) = tx.delete_connection(dev_id, user_id).await? else { return Ok(None) };
    let (own, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|grant| grant.user_id == user_id);
    let mut owed = Revocation::of(&connection, now);
    if let Some(own) = own.first() {
        owed.in_flight_since = own.in_flight_since;
        owed.next_attempt_at = own.lease_until.map_or(now, |until| until.max(now));
    }
    tx.add_revocation(&owed).await?;
    let live = others.iter().any(|grant| !grant.state.requires_reconnect());
    if let Some(reason) = auth.revocation_not_needed(&connection, end, live) {
        let settlement = RevocationResult::without_call(RevocationOutcome::NotNeeded, reason, now);
        tx.record_revocation_result(&owed, &settlement).await?;
    }
    Ok(Some(connection))
}

impl Auth {
    /// The reason why a connection's grant need not be revoked, if there is one.
    fn revocation_not_needed(
        &self,
        connection: &Connection,
        end: RemovalReason<'_>,
        others_live: bool,
    ) -> Option<RevocationReason> {
        let by_itself = connection.grant.is_some() && self.revoke_scope(&connection.provider) == RevokeScope::Grant;
        match end {
            RemovalReason::Removed => (!by_itself && others_live).then_some(RevocationReason::OtherConnections),
            RemovalReason::Replaced(tokens) => {
                let is_covered =
                    !by_itself || tokens.is_none_or(|tokens| self.tokens_were_reissued(connection, tokens));
                is_covered.then_some(RevocationReason::Replaced)
            }
        }
    }

    /// Whether the new tokens include one of the old tokens, or may do so.
    fn tokens_were_reissued(&self, connection: &Connection, tokens: &Tokens) -> bool {
        let row = connection.user_id.to_string();
        let place = SealContext { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
        let opened = connection.grant.as_ref().and_then(|grant| self.keys().open(place, grant).ok());
        let before = opened.and_then(|opened| Tokens::from_json(&opened));
        before.is_none_or(|before| before.shares_with(tokens))
    }

    /// The scope of the provider's revoke call.
    pub(crate) fn revoke_scope(&self, provider: &Provider) -> RevokeScope {
        self.providers().revoke_policy(provider).map(|policy| policy.ends).unwrap_or_default()
    }
}
