//! The refresh before a revoke call. Like every refresh it stores the in-flight marker first, and the tokens
//! before their use.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_model::{
    causes::Causes,
    keys::Sealed,
    provider::{RefreshError, RevokeResponse, Rotation},
    revocation::Revocation,
    store_error::StoreError,
    unit,
};
use terra_auth_types::wire::admin::{RevocationOutcome as Outcome, RevocationReason as Reason};

use super::attempt::{Attempt, AttemptResult};
use crate::node::refresh::plan::{PROVIDER_TIMEOUT, is_live};

impl Attempt<'_> {
    /// Whether a refresh is needed: the call requires a valid access token and there is none, or the response
    /// to an earlier refresh is missing. In the second case the stored tokens may be spent: a provider would
    /// confirm their revocation, and the grant would remain valid.
    pub(super) fn wants_refresh(&self) -> bool {
        let takes_access =
            self.auth.providers().revoke_policy(&self.claimed.provider).is_some_and(|how| how.needs_access_token);
        self.can_refresh() && (self.is_in_doubt() || (takes_access && !is_live(&self.tokens, self.auth.now())))
    }

    pub(super) fn can_refresh(&self) -> bool {
        self.tokens.refresh_token.is_some() && self.auth.providers().refresh_policy(&self.claimed.provider).is_some()
    }

    /// Whether the response to an earlier refresh is missing, and with it perhaps the valid tokens.
    fn is_in_doubt(&self) -> bool {
        let policy = self.auth.providers().refresh_policy(&self.claimed.provider);
        let spends = policy.is_some_and(|policy| policy.rotation != Rotation::Reusable);
        spends && self.claimed.in_flight_since.is_some()
    }

    /// Replaces the tokens with refreshed ones, or returns the result of the attempt.
    pub(super) async fn refresh(&mut self) -> Result<Result<(), AttemptResult>, StoreError> {
        let (now, doubt, before) = (self.auth.now(), self.is_in_doubt(), self.claimed.in_flight_since);
        if self.claimed.next_attempt_at.duration_since(now) < PROVIDER_TIMEOUT * 2 {
            return Ok(Err(AttemptResult::retry_later(Reason::RefreshFailed))); // it could outlast the lease
        }
        let since = before.unwrap_or(now);
        let mark = MarkRevocationInDoubt { claimed: self.claimed.clone(), since };
        if !self.auth.store().run(mark).await? {
            return Ok(Err(AttemptResult::ClaimLost));
        }
        self.claimed.in_flight_since = Some(since);
        let Revocation { dev_id, provider, user_id, .. } = &self.claimed;
        match self.auth.refresh_once(dev_id, provider, &self.tokens).await {
            Ok(refreshed) => {
                let sealed = self.auth.seal_grant(dev_id, *user_id, &refreshed.tokens);
                let keep = SaveRevocationTokens { claimed: self.claimed.clone(), sealed };
                if !self.auth.save_with_retries(*user_id, &keep).await? {
                    return Ok(Err(AttemptResult::ClaimLost));
                }
                (self.tokens, self.was_refreshed, self.claimed.in_flight_since) = (refreshed.tokens, true, None);
                Ok(Ok(()))
            }
            Err(error) => {
                tracing::warn!(%provider, user.id = %user_id, error = %Causes(&error),
                    "could not refresh the tokens of a grant that is to be revoked at {provider}");
                if !may_have_spent(&error) {
                    self.claimed.in_flight_since = before;
                }
                Ok(Err(self.result_of_failed_refresh(error, doubt)))
            }
        }
    }

    fn result_of_failed_refresh(&self, error: RefreshError, doubt: bool) -> AttemptResult {
        let answer = |code| self.without_repeated_token(RevokeResponse { status: None, code: Some(code) });
        match error {
            RefreshError::GrantRefused { code } if doubt => {
                AttemptResult::Finished(Outcome::Impossible, Some(Reason::TokensLost), answer(code))
            }
            RefreshError::GrantRefused { code } => {
                AttemptResult::Finished(Outcome::AlreadyGone, Some(Reason::RefreshRefused), answer(code))
            }
            RefreshError::AppRefused { code } => AttemptResult::Retry(Reason::AppRefused, answer(code)),
            _ => AttemptResult::retry_later(Reason::RefreshFailed),
        }
    }

    /// Removes the code from a response if it repeats a token: the provider chooses the code.
    pub(super) fn without_repeated_token(&self, answer: RevokeResponse) -> RevokeResponse {
        let tokens = [Some(&self.tokens.access_token), self.tokens.refresh_token.as_ref()];
        let told = |code: &String| !tokens.into_iter().flatten().any(|token| repeats(code, token));
        RevokeResponse { code: answer.code.filter(told), ..answer }
    }
}

/// Whether a code repeats a token or a part of it. Parts of fewer than 8 characters may be equal by chance.
fn repeats(code: &str, token: &SecretString) -> bool {
    let token = token.expose_secret();
    code.contains(token) || (code.len() >= 8 && token.contains(code))
}

fn may_have_spent(error: &RefreshError) -> bool {
    matches!(error, RefreshError::AnswerLost(_) | RefreshError::Unreadable)
}

unit!(MarkRevocationInDoubt(claimed: Revocation, since: Timestamp) -> bool = |tx| tx.mark_revocation_in_doubt(claimed, *since));

unit!(
    #[derive(Clone)]
    SaveRevocationTokens(claimed: Revocation, sealed: Sealed) -> bool = |tx| tx.save_revocation_tokens(claimed, sealed));
