//! A single refresh for whoever keeps the tokens elsewhere, within the provider's budget.

use jiff::Timestamp;
use terra_auth_types::{DevId, Provider};

use super::plan::CALL;
use crate::{
    auth::Auth,
    provider::{RefreshError, Refreshed, Tokens},
};

impl Auth {
    /// Spends a refresh token. What is to be written down before, and what becomes of the tokens, is the caller's affair.
    pub(crate) async fn refresh_once(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let policy = self.providers.refresh_policy(provider).ok_or(RefreshError::Unknown)?;
        let gate = self.refreshes().gates.of(dev_id, provider, &policy);
        let now = self.now();
        let closed = |until: Timestamp| RefreshError::Throttled { retry_after: Some(until.duration_since(now)) };
        let _place = gate.enter(&policy, now).await.map_err(closed)?;
        let answer = tokio::time::timeout(CALL.unsigned_abs(), self.refresh_at(dev_id, provider, tokens)).await;
        let answer = answer.unwrap_or_else(|late| Err(RefreshError::Lost(Box::new(late))));
        match &answer {
            Ok(_) => gate.succeeded(),
            Err(error) => drop(gate.failed(error, self.now())),
        }
        answer
    }
}
