//! The call after a refresh, at providers that revoke a pair of tokens only when the next one is first used.
//!
//! 1. The new pair is committed with `unconfirmed_since`. A crash here leaves that mark.
//! 2. Callers that wait for the access token get it.
//! 3. The call is made with the new access token, and the mark is removed. A crash before that leaves the mark.
//! 4. A mark that is still there when the next refresh begins gets one more call first. So each pair is confirmed by two calls
//!    at most, and pairs collect only while both fail.
//!
//! A mark is left alone while an answer to a refresh is missing: the pair in it may be the one that counts, and the call could
//! end it.

use async_trait::async_trait;
use terra_auth_types::{DevId, UserId};

use super::plan::{CALL, is_live};
use crate::{
    auth::Auth,
    causes::Causes,
    grant::KeptGrant,
    provider::ProviderError,
    store::{StoreError, Tx, Unit},
};

impl Auth {
    /// Makes the call after a refresh, if one is due and a place is free; whatever goes wrong is left to the next refresh.
    pub(super) async fn confirm_refreshed(&self, dev_id: &DevId, user_id: UserId) {
        let found = self.kept_grant(dev_id, user_id).await;
        let Ok(Some(grant)) = found else { return };
        let Some(policy) = self.providers.refresh_policy(&grant.provider).filter(|policy| policy.confirm) else {
            return;
        };
        let gate = self.refreshes().gates.of(dev_id, &grant.provider, &policy);
        if let Some(_place) = gate.enter_to_confirm().await {
            self.confirm(&grant).await;
        }
    }

    /// Uses the access token of a grant whose tokens are not confirmed, once.
    pub(super) async fn confirm(&self, grant: &KeptGrant) {
        if grant.unconfirmed_since.is_none() || grant.in_flight_since.is_some() {
            return;
        }
        let Ok(tokens) = self.open_grant(grant) else { return };
        if !is_live(&tokens, self.now()) {
            return;
        }
        let call = self.confirm_at(&grant.dev_id, &grant.provider, &tokens);
        let called = tokio::time::timeout(CALL.unsigned_abs() / 2, call).await;
        match called.unwrap_or_else(|late| Err(ProviderError::Unreachable(Some(Box::new(late))))) {
            Ok(()) => {
                if let Err(error) = self.store.run(Confirm(grant.clone())).await {
                    tracing::warn!(user.id = %grant.user_id, error = %Causes(&error),
                        "could not record that refreshed tokens were used");
                }
            }
            Err(error) => tracing::warn!(user.id = %grant.user_id, provider = %grant.provider, error = %Causes(&error),
                "the call after a refresh failed at {}; it is made again before the next refresh", grant.provider),
        }
    }
}

struct Confirm(KeptGrant);

#[async_trait]
impl Unit for Confirm {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.confirm_grant(&self.0).await
    }
}
