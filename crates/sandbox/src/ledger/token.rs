//! Access and refresh tokens: what is known of them, and what a second use brings.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    Grant, GrantError, GrantId, Ledger,
    entry::is_within,
    pairs::{LivePair, most_pairs},
};
use crate::{
    digest::Digest,
    face::{Face, Rotation, SecondUse},
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
    spent: Option<Spent>,
}

/// What a refresh token was spent for.
#[derive(Debug)]
struct Spent {
    /// The first time.
    at: Timestamp,
    /// The last request, to know it again.
    request: Digest,
    access_token: Digest,
    refresh_token: Option<Digest>,
    /// Kept only where it may be asked for again.
    answer: Option<SecretString>,
}

/// Tokens as they are issued. Not `Debug`: it holds them.
pub(crate) struct Pair {
    pub(crate) access_token: String,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_token: Option<String>,
    pub(crate) refresh_ttl: Option<Duration>,
}

/// A refresh as the client asks for it.
#[derive(Clone, Copy)]
pub(crate) struct Refresh<'a> {
    pub(crate) token: &'a str,
    /// The whole request.
    pub(crate) request: Digest,
    pub(crate) now: Timestamp,
}

/// What a refresh token opens.
pub(crate) enum Presented {
    Fresh(GrantId),
    /// The answer that it brought before.
    Again(SecretString),
}

/// What introspection tells about a live token.
pub(crate) struct Known {
    pub(crate) grant: Grant,
    pub(crate) is_access_token: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Ledger {
    /// Finds the grant of a refresh token; one that was spent is treated as its face does.
    pub(crate) fn present(&mut self, face: &Face, refresh: Refresh<'_>) -> Result<Presented, GrantError> {
        let known = self.refresh_tokens.get(&Digest::of(refresh.token)).ok_or(GrantError::UnknownRefreshToken)?;
        let (id, is_spent) = (known.grant, known.spent.is_some());
        if !self.is_live(face, id) || !known.lives(refresh.now) {
            return Err(GrantError::UnknownRefreshToken);
        }
        self.has_room(face, id)?;
        if is_spent { self.present_spent(face, refresh, id) } else { Ok(Presented::Fresh(id)) }
    }

    fn present_spent(&mut self, face: &Face, refresh: Refresh<'_>, id: GrantId) -> Result<Presented, GrantError> {
        let spent = self.refresh_tokens.get(&Digest::of(refresh.token)).and_then(|token| token.spent.as_ref());
        let spent = spent.ok_or(GrantError::SpentRefreshToken)?;
        match face.rotation {
            Rotation::SingleUse(SecondUse::EndsGrant) => {
                self.revoke(id);
                Err(GrantError::ReusedRefreshToken)
            }
            Rotation::SingleUse(SecondUse::SameAnswer(grace))
                if is_within(grace, spent.at, refresh.now) && spent.request == refresh.request =>
            {
                spent.answer.clone().map(Presented::Again).ok_or(GrantError::SpentRefreshToken)
            }
            Rotation::SingleUse(SecondUse::UntilUsed { .. }) => Ok(Presented::Fresh(id)),
            Rotation::SingleUse(SecondUse::AnotherPair(_)) if self.may_be_replaced(face, spent, refresh.now) => {
                let (access_token, refresh_token) = (spent.access_token, spent.refresh_token);
                self.access_tokens.take(&access_token);
                refresh_token.and_then(|token| self.refresh_tokens.take(&token));
                Ok(Presented::Fresh(id))
            }
            _ => Err(GrantError::SpentRefreshToken),
        }
    }

    /// Whether a spent refresh token still brings another pair: the one it brought was never used.
    fn may_be_replaced(&self, face: &Face, spent: &Spent, now: Timestamp) -> bool {
        let Rotation::SingleUse(SecondUse::AnotherPair(grace)) = face.rotation else { return false };
        let unused = self.access_tokens.get(&spent.access_token).is_some_and(|token| !token.used);
        unused && is_within(grace, spent.at, now)
    }

    /// Adds what is issued for a grant.
    pub(crate) fn add_pair(&mut self, id: GrantId, pair: &Pair, now: Timestamp) {
        let access_token = AccessToken { grant: id, added_at: now, ttl: pair.access_ttl, used: false };
        self.access_tokens.add(Digest::of(&pair.access_token), access_token);
        if let Some(token) = &pair.refresh_token {
            let refresh_token = RefreshToken { grant: id, added_at: now, ttl: pair.refresh_ttl, spent: None };
            self.refresh_tokens.add(Digest::of(token), refresh_token);
            if self.grants.get(&id).is_some_and(|grant| most_pairs(grant.face).is_some()) {
                let (access_token, refresh_token) = (Digest::of(&pair.access_token), Digest::of(token));
                self.add_live_pair(id, LivePair { access_token, refresh_token, parent: None });
            }
        }
    }

    /// Notes what a refresh token was spent for.
    pub(crate) fn spend(&mut self, face: &Face, refresh: Refresh<'_>, pair: &Pair, answer: &str) {
        let is_said_again = matches!(face.rotation, Rotation::SingleUse(SecondUse::SameAnswer(_)));
        let spent = Digest::of(refresh.token);
        if let Some(id) = self.refresh_tokens.get(&spent).map(|token| token.grant) {
            self.set_parent(id, spent);
        }
        if let Some(token) = self.refresh_tokens.get_mut(&spent) {
            token.spent = Some(Spent {
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

    /// The live grant behind an access token of this face, which counts as used from now on.
    pub(crate) fn use_access_token(&mut self, face: &Face, token: &str, now: Timestamp) -> Option<&Grant> {
        let digest = Digest::of(token);
        let known = self.access_tokens.get_mut(&digest)?;
        let id = known.grant;
        self.grants.get(&id).filter(|grant| grant.face == face && !grant.revoked)?;
        if !is_within(known.ttl, known.added_at, now) {
            return None;
        }
        if !std::mem::replace(&mut known.used, true) {
            self.kill_parent_of(id, &digest);
        }
        self.grants.get(&id)
    }

    /// What a token opens, if it opens something that is new. Looking does not use it.
    pub(crate) fn look(&self, face: &Face, token: &str, now: Timestamp) -> Option<Known> {
        let digest = Digest::of(token);
        let (id, is_access_token, added_at, ttl) = if let Some(token) = self.access_tokens.get(&digest) {
            (token.grant, true, token.added_at, Some(token.ttl))
        } else {
            let token = self.refresh_tokens.get(&digest)?;
            let is_over = |spent: &Spent| most_pairs(face).is_none() && !self.may_be_replaced(face, spent, now);
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
        Some(Known { grant, is_access_token, expires_at })
    }

    /// Revokes the grant behind an access or a refresh token, spent and expired ones too. `false` if there was none to revoke.
    pub(crate) fn revoke_token(&mut self, face: &Face, token: &str) -> bool {
        let digest = Digest::of(token);
        let by_access = self.access_tokens.get(&digest).map(|token| token.grant);
        let by_refresh = self.refresh_tokens.get(&digest).map(|token| token.grant);
        let id = by_access.or(by_refresh).filter(|id| self.is_live(face, *id));
        id.inspect(|id| self.revoke(*id)).is_some()
    }

    fn is_live(&self, face: &Face, id: GrantId) -> bool {
        self.grants.get(&id).is_some_and(|grant| grant.face == face && !grant.revoked)
    }
}

impl RefreshToken {
    fn lives(&self, now: Timestamp) -> bool {
        self.ttl.is_none_or(|ttl| is_within(ttl, self.added_at, now))
    }
}
