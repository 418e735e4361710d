//! The confirmation call after a refresh, at providers that revoke the old tokens only when the new ones are
//! first used.
//!
//! 1. The new tokens are committed with `unconfirmed_since`.
//!    - Durable: the new tokens and the mark.
//!    - Crash: the mark remains, and step 4 follows.
//! 2. The waiting callers get the access token. Nothing is written.
//! 3. The call is made with the new access token.
//!    - Durable: the mark is removed after a successful call.
//!    - Crash: the mark remains, even if the call succeeded, and step 4 follows.
//! 4. If the mark still exists when the next refresh begins, the call is made once more. Each pair of tokens is
//!    therefore confirmed by two calls at most, and old pairs accumulate only while both calls fail.
//!
//! No call is made while the response to a refresh is missing: the stored tokens may be the valid ones, and the
//! call could revoke them.

use terra_auth_model::{causes::Causes, grant::StoredGrant, provider::ProviderError, unit};
use terra_auth_types::{DevId, UserId};

use crate::{
    auth::Auth,
    node::refresh::plan::{PROVIDER_TIMEOUT, is_live},
};

impl Auth {
    /// Makes the confirmation call if it is due and a permit is free. After an error the next refresh makes the call.
    pub(super) async fn confirm_refreshed(&self, dev_id: &DevId, user_id: UserId) {
        let found = self.stored_grant(dev_id, user_id).await;
        let Ok(Some(grant)) = found else { return };
        let Some(policy) = self.providers().refresh_policy(&grant.provider).filter(|policy| policy.confirm) else {
            return;
        };
        let gate = self.refreshes().gates.gate_for(dev_id, &grant.provider, &policy);
        if let Some(_place) = gate.acquire_for_confirmation().await {
            self.confirm(&grant).await;
        }
    }

    /// Uses the access token of a grant once, if its tokens are unconfirmed.
    pub(super) async fn confirm(&self, grant: &StoredGrant) {
        if grant.unconfirmed_since.is_none() || grant.in_flight_since.is_some() {
            return;
        }
        let Ok(tokens) = self.open_grant(grant) else { return };
        if !is_live(&tokens, self.now()) {
            return;
        }
        let call = self.confirm_at(&grant.dev_id, &grant.provider, &tokens);
        let called = tokio::time::timeout(PROVIDER_TIMEOUT.unsigned_abs() / 2, call).await;
        match called.unwrap_or_else(|late| Err(ProviderError::Unreachable(Some(Box::new(late))))) {
            Ok(()) => {
                if let Err(error) = self.store().run(Confirm { grant: grant.clone() }).await {
                    tracing::warn!(user.id = %grant.user_id, error = %Causes(&error),
                        "could not record that refreshed tokens were confirmed");
                }
            }
            Err(error) => tracing::warn!(user.id = %grant.user_id, provider = %grant.provider, error = %Causes(&error),
                "the confirmation call after a refresh failed at {}; it is retried before the next refresh", grant.provider),
        }
    }
}

unit!(Confirm(grant: StoredGrant) -> bool = |tx| tx.confirm_grant(grant));
