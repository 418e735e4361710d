//! The refresh that a revoke call may need first, as safe as any other: written down before, durable before its use.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_types::wire::admin::{RevocationOutcome as Outcome, RevocationReason as Reason};

use super::{
    Revocation,
    attempt::{Attempt, Ending},
};
use crate::{
    causes::Causes,
    provider::{Answered, RefreshError, Rotation},
    refresh::{CALL, is_live},
    seal::Sealed,
    store::{StoreError, Tx, Unit},
};

impl Attempt<'_> {
    /// Where the call takes an access token, one that works. And where the answer to an earlier refresh is missing, the
    /// tokens may be spent: a provider would confirm that they are over, and the grant would live on.
    pub(super) fn wants_refresh(&self) -> bool {
        let takes_access =
            self.auth.providers.revoke_policy(&self.claimed.provider).is_some_and(|how| how.access_token);
        self.can_refresh() && (self.is_in_doubt() || (takes_access && !is_live(&self.tokens, self.auth.now())))
    }

    pub(super) fn can_refresh(&self) -> bool {
        self.tokens.refresh_token.is_some() && self.auth.providers.refresh_policy(&self.claimed.provider).is_some()
    }

    /// Whether the answer to an earlier refresh is missing, and with it maybe the tokens that count.
    fn is_in_doubt(&self) -> bool {
        let policy = self.auth.providers.refresh_policy(&self.claimed.provider);
        let spends = policy.is_some_and(|policy| policy.rotation != Rotation::Kept);
        spends && self.claimed.in_flight_since.is_some()
    }

    /// Puts refreshed tokens in the place of the old ones, or says how the attempt ends.
    pub(super) async fn refresh(&mut self) -> Result<Result<(), Ending>, StoreError> {
        let (now, doubt, before) = (self.auth.now(), self.is_in_doubt(), self.claimed.in_flight_since);
        if self.claimed.next_attempt_at.duration_since(now) < CALL * 2 {
            return Ok(Err(Ending::again(Reason::RefreshFailed))); // it would not end before the lease does
        }
        let since = before.unwrap_or(now);
        let mark = Mark { claimed: self.claimed.clone(), since };
        if !self.auth.store.run(mark).await? {
            return Ok(Err(Ending::Theirs));
        }
        self.claimed.in_flight_since = Some(since);
        let Revocation { dev_id, provider, user_id, .. } = &self.claimed;
        match self.auth.refresh_once(dev_id, provider, &self.tokens).await {
            Ok(refreshed) => {
                let sealed = self.auth.seal_grant(dev_id, *user_id, &refreshed.tokens);
                let keep = Keep { claimed: self.claimed.clone(), sealed };
                if !self.auth.keep_surely(*user_id, &keep).await? {
                    return Ok(Err(Ending::Theirs));
                }
                (self.tokens, self.fresh, self.claimed.in_flight_since) = (refreshed.tokens, true, None);
                Ok(Ok(()))
            }
            Err(error) => {
                tracing::warn!(%provider, user.id = %user_id, error = %Causes(&error),
                    "could not refresh the tokens of a grant that is to be revoked at {provider}");
                if !may_have_spent(&error) {
                    self.claimed.in_flight_since = before;
                }
                Ok(Err(self.without_tokens(error, doubt)))
            }
        }
    }

    fn without_tokens(&self, error: RefreshError, doubt: bool) -> Ending {
        let answer = |code| self.scrubbed(Answered { status: None, code: Some(code) });
        match error {
            RefreshError::GrantRefused { code } if doubt => {
                Ending::Over(Outcome::Impossible, Some(Reason::TokensLost), answer(code))
            }
            RefreshError::GrantRefused { code } => {
                Ending::Over(Outcome::AlreadyGone, Some(Reason::RefreshRefused), answer(code))
            }
            RefreshError::AppRefused { code } => Ending::Again(Reason::AppRefused, answer(code)),
            _ => Ending::again(Reason::RefreshFailed),
        }
    }

    /// An answer that repeats no token: a code is the provider's to choose.
    pub(super) fn scrubbed(&self, answer: Answered) -> Answered {
        let tokens = [Some(&self.tokens.access_token), self.tokens.refresh_token.as_ref()];
        let told = |code: &String| !tokens.into_iter().flatten().any(|token| repeats(code, token));
        Answered { code: answer.code.filter(told), ..answer }
    }
}

/// Whether one has the other in it; a few characters may be the same by chance.
fn repeats(code: &str, token: &SecretString) -> bool {
    let token = token.expose_secret();
    code.contains(token) || (code.len() >= 8 && token.contains(code))
}

fn may_have_spent(error: &RefreshError) -> bool {
    matches!(error, RefreshError::Lost(_) | RefreshError::Unreadable)
}

struct Mark {
    claimed: Revocation,
    since: Timestamp,
}

#[async_trait]
impl Unit for Mark {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.mark_revocation(&self.claimed, self.since).await
    }
}

#[derive(Clone)]
struct Keep {
    claimed: Revocation,
    sealed: Sealed,
}

#[async_trait]
impl Unit for Keep {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.keep_revocation_tokens(&self.claimed, &self.sealed).await
    }
}
