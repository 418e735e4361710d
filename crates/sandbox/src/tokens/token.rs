//! Access and refresh tokens, and the effect of their second use.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    Grant, GrantError, GrantId, TokenStore,
    entry::is_within,
    pairs::{LivePair, max_pairs},
};
use crate::{
    digest::Digest,
    profile::{ProviderProfile, ReusePolicy, Rotation},
};

#[derive(Debug)]
pub(super) struct AccessToken {
    grant: GrantId,
    added_at: Timestamp,
    ttl: Duration,
    used: bool,
}

#[derive(Debug)]
pub(super) struct RefreshToken {
    grant: GrantId,
    added_at: Timestamp,
    ttl: Option<Duration>,
    spent: Option<RefreshTokenUse>,
}

/// The use of a spent refresh token.
#[derive(Debug)]
struct RefreshTokenUse {
    /// When the token was first used.
    at: Timestamp,
    /// The digest of the last request, to recognize a repetition.
    request: Digest,
    access_token: Digest,
    refresh_token: Option<Digest>,
    /// The response, stored only if a repetition gets it again.
    answer: Option<SecretString>,
}

/// Issued tokens. Not `Debug`, because it contains secrets.
pub(crate) struct Pair {
    pub(crate) access_token: String,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_token: Option<String>,
    pub(crate) refresh_ttl: Option<Duration>,
}

/// The parameters of a refresh.
#[derive(Clone, Copy)]
pub(crate) struct Refresh<'a> {
    pub(crate) token: &'a str,
    /// The digest of the complete request.
    pub(crate) request: Digest,
    pub(crate) now: Timestamp,
}

/// The result of looking up a refresh token.
pub(crate) enum TokenLookup {
    Grant(GrantId),
    /// The request is a repetition and gets the earlier response.
    Repeated(SecretString),
}

/// The data of an active token, for introspection.
pub(crate) struct IssuedToken {
    pub(crate) grant: Grant,
    pub(crate) is_access_token: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

impl TokenStore {
    /// Looks up the grant of a refresh token. A spent token is handled by the provider's rules.
    pub(crate) fn look_up_refresh_token(
        &mut self,
        face: &ProviderProfile,
        refresh: Refresh<'_>,
    ) -> Result<TokenLookup, GrantError> {
        let known = self.refresh_tokens.get(&Digest::of(refresh.token)).ok_or(GrantError::UnknownRefreshToken)?;
        let (id, is_spent) = (known.grant, known.spent.is_some());
        if !self.is_live(face, id) || !known.is_valid_at(refresh.now) {
            return Err(GrantError::UnknownRefreshToken);
        }
        self.check_pair_limit(face, id)?;
        if is_spent { self.look_up_spent_refresh_token(face, refresh, id) } else { Ok(TokenLookup::Grant(id)) }
    }

    fn look_up_spent_refresh_token(
        &mut self,
        face: &ProviderProfile,
        refresh: Refresh<'_>,
        id: GrantId,
    ) -> Result<TokenLookup, GrantError> {
        let spent = self.refresh_tokens.get(&Digest::of(refresh.token)).and_then(|token| token.spent.as_ref());
        let spent = spent.ok_or(GrantError::SpentRefreshToken)?;
        match face.rotation {
            Rotation::SingleUse(ReusePolicy::RevokesGrant) => {
                self.revoke(id);
                Err(GrantError::ReusedRefreshToken)
            }
            Rotation::SingleUse(ReusePolicy::SameResponse(grace))
                if is_within(grace, spent.at, refresh.now) && spent.request == refresh.request =>
            {
                spent.answer.clone().map(TokenLookup::Repeated).ok_or(GrantError::SpentRefreshToken)
            }
            Rotation::SingleUse(ReusePolicy::UntilUsed { .. }) => Ok(TokenLookup::Grant(id)),
            Rotation::SingleUse(ReusePolicy::AnotherPair(_))
                if self.can_issue_another_pair(face, spent, refresh.now) =>
            {
                let (access_token, refresh_token) = (spent.access_token, spent.refresh_token);
                self.access_tokens.remove(&access_token);
                refresh_token.and_then(|token| self.refresh_tokens.remove(&token));
                Ok(TokenLookup::Grant(id))
            }
            _ => Err(GrantError::SpentRefreshToken),
        }
    }

    /// Whether a spent refresh token can still return another pair, because the earlier one was never used.
    fn can_issue_another_pair(&self, face: &ProviderProfile, spent: &RefreshTokenUse, now: Timestamp) -> bool {
        let Rotation::SingleUse(ReusePolicy::AnotherPair(grace)) = face.rotation else { return false };
        let unused = self.access_tokens.get(&spent.access_token).is_some_and(|token| !token.used);
        unused && is_within(grace, spent.at, now)
    }

    /// Stores tokens that are issued for a grant.
    pub(crate) fn add_pair(&mut self, id: GrantId, pair: &Pair, now: Timestamp) {
        let access_token = AccessToken { grant: id, added_at: now, ttl: pair.access_ttl, used: false };
        self.access_tokens.insert(Digest::of(&pair.access_token), access_token);
        if let Some(token) = &pair.refresh_token {
            let refresh_token = RefreshToken { grant: id, added_at: now, ttl: pair.refresh_ttl, spent: None };
            self.refresh_tokens.insert(Digest::of(token), refresh_token);
            if self.grants.get(&id).is_some_and(|grant| max_pairs(grant.profile).is_some()) {
                let (access_token, refresh_token) = (Digest::of(&pair.access_token), Digest::of(token));
                self.add_live_pair(id, LivePair { access_token, refresh_token, parent: None });
            }
        }
    }

    /// Marks a refresh token as spent, with its request and response.
    pub(crate) fn mark_spent(&mut self, face: &ProviderProfile, refresh: Refresh<'_>, pair: &Pair, answer: &str) {
        let is_said_again = matches!(face.rotation, Rotation::SingleUse(ReusePolicy::SameResponse(_)));
        let spent = Digest::of(refresh.token);
        if let Some(id) = self.refresh_tokens.get(&spent).map(|token| token.grant) {
            self.set_parent(id, spent);
        }
        if let Some(token) = self.refresh_tokens.get_mut(&spent) {
            token.spent = Some(RefreshTokenUse {
                at: token.spent.as_ref().map_or(refresh.now, |before| before.at),
                request: refresh.request,
                access_token: Digest::of(&pair.access_token),
                refresh_token: pair.refresh_token.as_deref().map(Digest::of),
                answer: is_said_again.then(|| answer.into()),
            });
        }
    }

    pub(crate) fn count_refresh(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.refreshes += 1;
        }
    }

    /// Returns the active grant of an access token of this provider, and marks the token as used.
    pub(crate) fn use_access_token(&mut self, face: &ProviderProfile, token: &str, now: Timestamp) -> Option<&Grant> {
        let digest = Digest::of(token);
        let known = self.access_tokens.get_mut(&digest)?;
        let id = known.grant;
        self.grants.get(&id).filter(|grant| grant.profile == face && !grant.revoked)?;
        if !is_within(known.ttl, known.added_at, now) {
            return None;
        }
        if !std::mem::replace(&mut known.used, true) {
            self.remove_parent_of(id, &digest);
        }
        self.grants.get(&id)
    }

    /// Returns the data of an active token, without using it.
    pub(crate) fn inspect(&self, face: &ProviderProfile, token: &str, now: Timestamp) -> Option<IssuedToken> {
        let digest = Digest::of(token);
        let (id, is_access_token, added_at, ttl) = if let Some(token) = self.access_tokens.get(&digest) {
            (token.grant, true, token.added_at, Some(token.ttl))
        } else {
            let token = self.refresh_tokens.get(&digest)?;
            let is_over =
                |spent: &RefreshTokenUse| max_pairs(face).is_none() && !self.can_issue_another_pair(face, spent, now);
            if token.spent.as_ref().is_some_and(is_over) {
                return None;
            }
            (token.grant, false, token.added_at, token.ttl)
        };
        if !self.is_live(face, id) || ttl.is_some_and(|ttl| !is_within(ttl, added_at, now)) {
            return None;
        }
        let grant = self.grants.get(&id)?.clone();
        let expires_at = ttl.and_then(|ttl| added_at.checked_add(ttl).ok());
        Some(IssuedToken { grant, is_access_token, expires_at })
    }

    /// Revokes the grant of an access or refresh token, even if the token is spent or expired. Returns `false`
    /// if there was nothing to revoke.
    pub(crate) fn revoke_token(&mut self, face: &ProviderProfile, token: &str) -> bool {
        let digest = Digest::of(token);
        let by_access = self.access_tokens.get(&digest).map(|token| token.grant);
        let by_refresh = self.refresh_tokens.get(&digest).map(|token| token.grant);
        let id = by_access.or(by_refresh).filter(|id| self.is_live(face, *id));
        id.inspect(|id| self.revoke(*id)).is_some()
    }

    fn is_live(&self, face: &ProviderProfile, id: GrantId) -> bool {
        self.grants.get(&id).is_some_and(|grant| grant.profile == face && !grant.revoked)
    }
}

impl RefreshToken {
    fn is_valid_at(&self, now: Timestamp) -> bool {
        self.ttl.is_none_or(|ttl| is_within(ttl, self.added_at, now))
    }
}
