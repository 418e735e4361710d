//! One attempt to revoke a grant, from the look whether it is still needed to the report.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::wire::admin::{RevocationOutcome as Outcome, RevocationReason as Reason};

use super::{Revocation, Settlement};
use crate::{
    auth::Auth,
    causes::Causes,
    delivery::wait_after,
    provider::{Answered, Connects, Ends, ProviderInfo, RevokeError, Revoked, Tokens},
    refresh::CALL,
    seal::Place,
    store::{StoreError, Tx, Unit},
};

/// How long a provider is asked, from the end of the connection.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is over.
    Over(Outcome, Option<Reason>, Answered),
    /// It is tried again.
    Again(Reason, Answered),
    /// Somebody else is at it.
    Theirs,
}

impl Ending {
    pub(super) fn impossible(reason: Reason) -> Self {
        Self::Over(Outcome::Impossible, Some(reason), Answered::default())
    }

    pub(super) fn again(reason: Reason) -> Self {
        Self::Again(reason, Answered::default())
    }
}

/// An attempt that somebody has claimed.
pub(super) struct Attempt<'a> {
    pub(super) auth: &'a Auth,
    pub(super) claimed: Revocation,
    pub(super) tokens: Tokens,
    /// Whether the tokens were refreshed for it.
    pub(super) fresh: bool,
}

impl Auth {
    /// Revokes a grant at its provider unless another connection lives on it, and records how that ended; `None` if
    /// somebody else is at it.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will end and the attempt be made again.
    pub async fn revoke(&self, claimed: &Revocation) -> Result<Option<Settlement>, StoreError> {
        let now = self.now();
        if self.ends(&claimed.provider) == Ends::Account {
            let settlement = Settlement::without_call(Outcome::NotNeeded, Reason::OtherConnections, now);
            let unit = SettleIfShared(Settle { claimed: claimed.clone(), settlement: settlement.clone() });
            if self.store.run(unit).await? {
                return Ok(Some(settlement));
            }
        }
        let (in_flight_since, ending) = self.attempt(claimed).await?;
        let Some(settlement) = self.settlement(claimed, ending, in_flight_since) else { return Ok(None) };
        if settlement.outcome == Outcome::GivenUp {
            let Revocation { provider, user_id, attempts, .. } = claimed;
            tracing::error!(%provider, user.id = %user_id, attempts,
                "gave up revoking a grant at {provider} after {attempts} attempts; the end user can end it there");
        }
        let unit = Settle { claimed: claimed.clone(), settlement: settlement.clone() };
        Ok(self.store.run(unit).await?.then_some(settlement))
    }

    /// Answers with the mark, too, as it is afterwards.
    async fn attempt(&self, claimed: &Revocation) -> Result<(Option<Timestamp>, Ending), StoreError> {
        let Some(sealed) = &claimed.grant else { return Ok((None, Ending::impossible(self.without_tokens(claimed)))) };
        let row = claimed.user_id.to_string();
        let place = Place { dev_id: claimed.dev_id.as_str(), row: &row, column: "grant" };
        let opened = self.keys.open(place, sealed).ok();
        let Some(tokens) = opened.and_then(|opened| Tokens::from_json(&opened)) else {
            return Ok((claimed.in_flight_since, Ending::again(Reason::TokensUnreadable)));
        };
        let mut attempt = Attempt { auth: self, claimed: claimed.clone(), tokens, fresh: false };
        let ending = attempt.run().await?;
        Ok((attempt.claimed.in_flight_since, ending))
    }

    /// An on-device source never has tokens; elsewhere they were forgotten when the vault was reset.
    fn without_tokens(&self, claimed: &Revocation) -> Reason {
        let is_it = |info: &ProviderInfo| info.provider == claimed.provider && info.connects == Connects::OnDevice;
        if self.providers.list().iter().any(is_it) { Reason::OnDevice } else { Reason::TokensUnreadable }
    }

    fn settlement(
        &self,
        claimed: &Revocation,
        ending: Ending,
        in_flight_since: Option<Timestamp>,
    ) -> Option<Settlement> {
        let now = self.now();
        let later = |span| now.saturating_add(span).unwrap_or(Timestamp::MAX);
        let over = |outcome, reason, answer| Settlement {
            outcome,
            reason,
            answer,
            at: now,
            next_attempt_at: later(wait_after(claimed.attempts)),
            in_flight_since,
        };
        let settlement = match ending {
            Ending::Over(outcome, reason, answer) => over(outcome, reason, answer),
            Ending::Again(reason, answer) => over(Outcome::Pending, Some(reason), answer),
            Ending::Theirs => return None,
        };
        let too_late = settlement.next_attempt_at.duration_since(claimed.created_at) > GIVE_UP_AFTER;
        let outcome = match (settlement.outcome, settlement.reason) {
            (Outcome::Pending, Some(Reason::NoApp)) if too_late => Outcome::Impossible,
            (Outcome::Pending, _) if too_late => Outcome::GivenUp,
            (outcome, _) => outcome,
        };
        Some(Settlement { outcome, ..settlement })
    }
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<Ending, StoreError> {
        if self.wants_refresh()
            && let Err(ending) = self.refresh().await?
        {
            return Ok(ending);
        }
        let mut answer = self.call().await;
        if matches!(answer, Err(RevokeError::TokenRefused(_))) && self.can_refresh() && !self.fresh {
            if let Err(ending) = self.refresh().await? {
                return Ok(ending);
            }
            answer = self.call().await;
        }
        Ok(self.ending(answer))
    }

    async fn call(&self) -> Result<Revoked, RevokeError> {
        let Revocation { dev_id, provider, account, .. } = &self.claimed;
        let call = self.auth.revoke_at(dev_id, provider, account.as_deref(), &self.tokens);
        let answer = tokio::time::timeout(CALL.unsigned_abs(), call).await;
        answer.unwrap_or_else(|late| Err(RevokeError::Unreachable(Box::new(late))))
    }

    fn ending(&self, answer: Result<Revoked, RevokeError>) -> Ending {
        let error = match answer {
            Ok(Revoked::Confirmed(answer)) => return Ending::Over(Outcome::Confirmed, None, self.scrubbed(answer)),
            Ok(Revoked::AlreadyGone(answer)) => return Ending::Over(Outcome::AlreadyGone, None, self.scrubbed(answer)),
            Err(error) => error,
        };
        let Revocation { provider, user_id, .. } = &self.claimed;
        tracing::warn!(%provider, user.id = %user_id, error = %Causes(&error), "could not revoke a grant at {provider}");
        match error {
            RevokeError::NoCall => Ending::impossible(Reason::NoRevokeCall),
            RevokeError::NoAccount => Ending::impossible(Reason::NoAccount),
            RevokeError::TokenRefused(answer) if !self.can_refresh() => {
                Ending::Over(Outcome::Impossible, Some(Reason::NoAccessToken), self.scrubbed(answer))
            }
            RevokeError::TokenRefused(answer) | RevokeError::Refused(answer) => {
                Ending::Again(Reason::Refused, self.scrubbed(answer))
            }
            RevokeError::AppRefused(answer) => Ending::Again(Reason::AppRefused, self.scrubbed(answer)),
            RevokeError::Unknown => Ending::again(Reason::NoApp),
            RevokeError::Unreachable(_) => Ending::again(Reason::Unreachable),
        }
    }
}

struct Settle {
    claimed: Revocation,
    settlement: Settlement,
}

#[async_trait]
impl Unit for Settle {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.settle_revocation(&self.claimed, &self.settlement).await
    }
}

/// Settles if a connection of the account lives now: one that was made since this one ended.
struct SettleIfShared(Settle);

#[async_trait]
impl Unit for SettleIfShared {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Revocation { dev_id, provider, account: Some(account), .. } = &self.0.claimed else { return Ok(false) };
        let held = tx.hold_grants_of_account(dev_id, provider, account).await?;
        let shared = held.iter().any(|grant| !grant.state.is_over());
        if shared { self.0.run(tx).await } else { Ok(false) }
    }
}
