//! One attempt to revoke a grant: steps 3 to 6.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    causes::Causes,
    delivery::backoff_after,
    keys::SealContext,
    provider::{Connects, ProviderInfo, RevokeError, RevokeResponse, RevokeScope, Revoked, Tokens},
    revocation::{Revocation, RevocationResult},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::wire::admin::{RevocationOutcome as Outcome, RevocationReason as Reason};

use crate::{auth::Auth, node::refresh::plan::PROVIDER_TIMEOUT};

/// How long revoking is tried, from the removal of the connection.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The result of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptResult {
    /// The revocation is finished.
    Finished(Outcome, Option<Reason>, RevokeResponse),
    /// Another attempt follows.
    Retry(Reason, RevokeResponse),
    /// Another worker has claimed the revocation.
    ClaimLost,
}

impl AttemptResult {
    pub(super) fn impossible(reason: Reason) -> Self {
        Self::Finished(Outcome::Impossible, Some(reason), RevokeResponse::default())
    }

    pub(super) fn retry_later(reason: Reason) -> Self {
        Self::Retry(reason, RevokeResponse::default())
    }
}

/// An attempt in progress.
pub(super) struct Attempt<'a> {
    pub(super) auth: &'a Auth,
    pub(super) claimed: Revocation,
    pub(super) tokens: Tokens,
    /// Whether this attempt has refreshed the tokens.
    pub(super) was_refreshed: bool,
}

impl Auth {
    /// Revokes a grant at its provider, unless another connection uses it, and records the result. Returns
    /// `None` if another worker has claimed the revocation.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will expire, and the attempt will be repeated.
    pub async fn revoke(&self, claimed: &Revocation) -> Result<Option<RevocationResult>, StoreError> {
        let now = self.now();
        if self.revoke_scope(&claimed.provider) == RevokeScope::Account {
            let settlement = RevocationResult::without_call(Outcome::NotNeeded, Reason::OtherConnections, now);
            let unit = RecordIfShared(RecordResult { claimed: claimed.clone(), settlement: settlement.clone() });
            if self.store().run(unit).await? {
                return Ok(Some(settlement));
            }
        }
        let (in_flight_since, ending) = self.attempt(claimed).await?;
        let Some(settlement) = self.revocation_result(claimed, ending, in_flight_since) else { return Ok(None) };
        if settlement.outcome == Outcome::GivenUp {
            let Revocation { provider, user_id, attempts, .. } = claimed;
            tracing::error!(%provider, user.id = %user_id, attempts,
                "gave up revoking a grant at {provider} after {attempts} attempts; the end user can revoke it there");
        }
        let unit = RecordResult { claimed: claimed.clone(), settlement: settlement.clone() };
        Ok(self.store().run(unit).await?.then_some(settlement))
    }

    /// Makes the attempt. Returns the new value of the in-flight marker, and the result.
    async fn attempt(&self, claimed: &Revocation) -> Result<(Option<Timestamp>, AttemptResult), StoreError> {
        let Some(sealed) = &claimed.grant else {
            return Ok((None, AttemptResult::impossible(self.reason_for_missing_tokens(claimed))));
        };
        let row = claimed.user_id.to_string();
        let place = SealContext { dev_id: claimed.dev_id.as_str(), row: &row, column: "grant" };
        let opened = self.keys().open(place, sealed).ok();
        let Some(tokens) = opened.and_then(|opened| Tokens::from_json(&opened)) else {
            return Ok((claimed.in_flight_since, AttemptResult::retry_later(Reason::TokensUnreadable)));
        };
        let mut attempt = Attempt { auth: self, claimed: claimed.clone(), tokens, was_refreshed: false };
        let ending = attempt.run().await?;
        Ok((attempt.claimed.in_flight_since, ending))
    }

    /// The reason why there are no tokens: an on-device source never has any; otherwise a vault reset discarded them.
    fn reason_for_missing_tokens(&self, claimed: &Revocation) -> Reason {
        let is_it = |info: &ProviderInfo| info.provider == claimed.provider && info.connects == Connects::OnDevice;
        if self.providers().list().iter().any(is_it) { Reason::OnDevice } else { Reason::TokensUnreadable }
    }

    fn revocation_result(
        &self,
        claimed: &Revocation,
        ending: AttemptResult,
        in_flight_since: Option<Timestamp>,
    ) -> Option<RevocationResult> {
        let now = self.now();
        let later = |span| now.saturating_add(span).unwrap_or(Timestamp::MAX);
        let over = |outcome, reason, answer| RevocationResult {
            outcome,
            reason,
            answer,
            at: now,
            next_attempt_at: later(backoff_after(claimed.attempts)),
            in_flight_since,
        };
        let settlement = match ending {
            AttemptResult::Finished(outcome, reason, answer) => over(outcome, reason, answer),
            AttemptResult::Retry(reason, answer) => over(Outcome::Pending, Some(reason), answer),
            AttemptResult::ClaimLost => return None,
        };
        let too_late = settlement.next_attempt_at.duration_since(claimed.created_at) > GIVE_UP_AFTER;
        let outcome = match (settlement.outcome, settlement.reason) {
            (Outcome::Pending, Some(Reason::NoApp)) if too_late => Outcome::Impossible,
            (Outcome::Pending, _) if too_late => Outcome::GivenUp,
            (outcome, _) => outcome,
        };
        Some(RevocationResult { outcome, ..settlement })
    }
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<AttemptResult, StoreError> {
        if self.wants_refresh()
            && let Err(ending) = self.refresh().await?
        {
            return Ok(ending);
        }
        let mut answer = self.call().await;
        if matches!(answer, Err(RevokeError::TokenRefused(_))) && self.can_refresh() && !self.was_refreshed {
            if let Err(ending) = self.refresh().await? {
                return Ok(ending);
            }
            answer = self.call().await;
        }
        Ok(self.attempt_result(answer))
    }

    async fn call(&self) -> Result<Revoked, RevokeError> {
        let Revocation { dev_id, provider, account, .. } = &self.claimed;
        let call = self.auth.revoke_at(dev_id, provider, account.as_deref(), &self.tokens);
        let answer = tokio::time::timeout(PROVIDER_TIMEOUT.unsigned_abs(), call).await;
        answer.unwrap_or_else(|late| Err(RevokeError::Unreachable(Box::new(late))))
    }

    fn attempt_result(&self, answer: Result<Revoked, RevokeError>) -> AttemptResult {
        let error = match answer {
            Ok(Revoked::Confirmed(answer)) => {
                return AttemptResult::Finished(Outcome::Confirmed, None, self.without_repeated_token(answer));
            }
            Ok(Revoked::AlreadyGone(answer)) => {
                return AttemptResult::Finished(Outcome::AlreadyGone, None, self.without_repeated_token(answer));
            }
            Err(error) => error,
        };
        let Revocation { provider, user_id, .. } = &self.claimed;
        tracing::warn!(%provider, user.id = %user_id, error = %Causes(&error), "could not revoke a grant at {provider}");
        match error {
            RevokeError::NoCall => AttemptResult::impossible(Reason::NoRevokeCall),
            RevokeError::NoAccount => AttemptResult::impossible(Reason::NoAccount),
            RevokeError::TokenRefused(answer) if !self.can_refresh() => AttemptResult::Finished(
                Outcome::Impossible,
                Some(Reason::NoAccessToken),
                self.without_repeated_token(answer),
            ),
            RevokeError::TokenRefused(answer) | RevokeError::Refused(answer) => {
                AttemptResult::Retry(Reason::Refused, self.without_repeated_token(answer))
            }
            RevokeError::AppRefused(answer) => {
                AttemptResult::Retry(Reason::AppRefused, self.without_repeated_token(answer))
            }
            RevokeError::Unknown => AttemptResult::retry_later(Reason::NoApp),
            RevokeError::Unreachable(_) => AttemptResult::retry_later(Reason::Unreachable),
        }
    }
}

unit!(RecordResult(claimed: Revocation, settlement: RevocationResult) -> bool = |tx| tx.record_revocation_result(claimed, settlement));

/// Records a result if the account has a connection that can still work, which was made after this one was removed.
struct RecordIfShared(RecordResult);

#[async_trait]
impl Unit for RecordIfShared {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Revocation { dev_id, provider, account: Some(account), .. } = &self.0.claimed else { return Ok(false) };
        let held = tx.lock_grants_of_account(dev_id, provider, account).await?;
        let shared = held.iter().any(|grant| !grant.state.requires_reconnect());
        if shared { self.0.run(tx).await } else { Ok(false) }
    }
}
