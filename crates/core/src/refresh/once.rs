//! A single refresh within the provider's limits, for tokens that are stored elsewhere.

use jiff::Timestamp;
use terra_auth_model::provider::{RefreshError, Refreshed, Tokens};
use terra_auth_types::{DevId, Provider};

use crate::{auth::Auth, node::refresh::plan::PROVIDER_TIMEOUT};

impl Auth {
    /// Spends a refresh token once. The caller sets the in-flight marker before, and stores the new tokens.
    pub(crate) async fn refresh_once(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let policy = self.providers().refresh_policy(provider).ok_or(RefreshError::Unknown)?;
        let gate = self.refreshes().gates.gate_for(dev_id, provider, &policy);
        let now = self.now();
        let closed = |until: Timestamp| RefreshError::Throttled { retry_after: Some(until.duration_since(now)) };
        let _place = gate.acquire(&policy, now).await.map_err(closed)?;
        let answer =
            tokio::time::timeout(PROVIDER_TIMEOUT.unsigned_abs(), self.refresh_at(dev_id, provider, tokens)).await;
        let answer = answer.unwrap_or_else(|late| Err(RefreshError::AnswerLost(Box::new(late))));
        match &answer {
            Ok(_) => gate.succeeded(),
            Err(error) => drop(gate.failed(error, self.now())),
        }
        answer
    }
}
