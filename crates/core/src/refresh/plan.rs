//! When to refresh, and what follows from how that went: no time but what is handed in, no store, no provider.

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::wire::admin::{FailedRefresh, RefreshFailure};

use crate::{
    grant::{GrantState, KeptGrant, Settled},
    provider::{RefreshError, RefreshPolicy, Rotation, Tokens},
};

/// The longest that a provider is waited for.
pub(crate) const CALL: SignedDuration = SignedDuration::from_secs(10);
/// How long a lease holds: more than two calls, so that clocks may differ by the third.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// An app is told at most so often that a connection does not work.
const TELL_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// The last second that every store can keep in milliseconds.
pub(super) const FAR: Timestamp = Timestamp::constant(253_402_207_199, 0);

const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(30);
const LAST_RETRY: SignedDuration = SignedDuration::from_hours(1);
/// Within a provider's grace there is no time to lose.
const FIRST_RETRY_IN_GRACE: SignedDuration = SignedDuration::from_secs(2);

/// A random part of something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(pub(super) u32);

impl Draw {
    /// From nothing up to nearly all of a span.
    pub(super) fn part_of(self, span: SignedDuration) -> SignedDuration {
        let ms = span.as_millis().max(0).saturating_mul(i128::from(self.0)) >> 32;
        SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

/// When tokens that were got at `now` are to be refreshed: ahead of their end, but not in the first half of their life,
/// and by half of the refresh token's. Tokens that cannot be refreshed are looked at when they end.
pub(super) fn due_at(tokens: &Tokens, now: Timestamp, policy: &RefreshPolicy, draw: Draw) -> Option<Timestamp> {
    if tokens.refresh_token.is_none() {
        return tokens.expires_at;
    }
    let ahead_of = |end: Timestamp, ahead: SignedDuration| {
        let life = end.duration_since(now).max(SignedDuration::ZERO);
        let early = ahead.min(life / 2);
        // Jitter, so that those who came at once do not come again at once.
        before(end, early + draw.part_of((life - early) / 10))
    };
    let idle_end = policy.token_life.map(|life| after(now, life));
    let dues = [
        tokens.expires_at.map(|end| ahead_of(end, policy.ahead)),
        idle_end.map(|end| ahead_of(end, SignedDuration::MAX)),
    ];
    dues.into_iter().flatten().min()
}

/// Whether these tokens are refreshed for the refresh token's sake alone: nobody says when the access token ends.
pub(super) fn is_kept_alive(tokens: &Tokens, policy: &RefreshPolicy) -> bool {
    tokens.expires_at.is_none() && tokens.refresh_token.is_some() && policy.token_life.is_some()
}

/// How a refresh begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// No answer can be missing: a refusal means what it says.
    Clean,
    /// An answer may be missing, and with it the tokens that count: a refusal may mean no more than that.
    Again,
    /// The same, and what is left to try would end an access token that still works.
    NotBefore(Timestamp),
}

/// What may be done about a grant in which a refresh may be under way.
pub(super) fn opening(rotation: Rotation, grant: &KeptGrant, tokens: &Tokens, now: Timestamp) -> Opening {
    let (Some(since), Rotation::SingleUse { grace, reuse_ends_grant }) = (grant.in_flight_since, rotation) else {
        return Opening::Clean;
    };
    let in_grace = grace.is_some_and(|grace| now < after(since, grace));
    match tokens.expires_at {
        Some(end) if reuse_ends_grant && !in_grace && now < end => Opening::NotBefore(end),
        _ => Opening::Again,
    }
}

/// An event that the app gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// `access_revoked`.
    Revoked,
    /// `connection_error`: only the end user can mend it.
    NeedsConsent,
    /// `connection_error`: it may pass.
    Failing,
}

/// A refresh that brought nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    /// The grant as it was before the lease.
    pub(super) grant: &'a KeptGrant,
    pub(super) tokens: &'a Tokens,
    pub(super) opening: Opening,
    pub(super) rotation: Rotation,
    /// When the provider was called.
    pub(super) called_at: Timestamp,
    pub(super) now: Timestamp,
    /// When the provider may be asked again, if it or the app is the trouble, and not this grant.
    pub(super) closed_until: Timestamp,
    pub(super) draw: Draw,
}

impl Failed<'_> {
    /// What is known now, and what the app is told.
    pub(super) fn settle(&self, error: &RefreshError) -> (Settled, Option<Told>) {
        match error {
            RefreshError::GrantRefused { .. } => self.over(error),
            RefreshError::Untouched(_) => self.failing(error, self.grant.in_flight_since),
            RefreshError::Lost(_) | RefreshError::Unreadable => {
                self.failing(error, self.grant.in_flight_since.or(Some(self.called_at)))
            }
            RefreshError::Throttled { .. } | RefreshError::AppRefused { .. } | RefreshError::Unknown => {
                let retry_at = after(self.closed_until, self.draw.part_of(FIRST_RETRY));
                (Settled { refresh_at: Some(retry_at), ..self.unchanged(error) }, None)
            }
        }
    }

    /// Nothing was learned about the grant; it is tried again soon.
    pub(super) fn unchanged(&self, error: &RefreshError) -> Settled {
        Settled {
            error: FailedRefresh { class: class(error), at: self.now },
            state: self.grant.state,
            active: None,
            refresh_at: Some(after(self.now, FIRST_RETRY / 2 + self.draw.part_of(FIRST_RETRY))),
            in_flight_since: self.grant.in_flight_since,
            failures: self.grant.failures,
            error_told_at: self.grant.error_told_at,
        }
    }

    fn over(&self, error: &RefreshError) -> (Settled, Option<Told>) {
        let clean = self.opening == Opening::Clean && self.tokens.refresh_token.is_some();
        let (state, told) =
            if clean { (GrantState::Revoked, Told::Revoked) } else { (GrantState::NeedsConsent, Told::NeedsConsent) };
        let settled = Settled {
            state,
            active: Some(false),
            refresh_at: None,
            failures: self.grant.failures.saturating_add(1),
            error_told_at: Some(self.now),
            ..self.unchanged(error)
        };
        (settled, Some(told))
    }

    fn failing(&self, error: &RefreshError, in_flight_since: Option<Timestamp>) -> (Settled, Option<Told>) {
        let failures = self.grant.failures.saturating_add(1);
        let live = is_live(self.tokens, self.now);
        let told_long_ago = self.grant.error_told_at.is_none_or(|told| after(told, TELL_EVERY) <= self.now);
        let told = (!live && told_long_ago).then_some(Told::Failing);
        let settled = Settled {
            state: GrantState::Failing,
            active: Some(live),
            refresh_at: Some(after(self.now, self.wait(failures, in_flight_since))),
            in_flight_since,
            failures,
            error_told_at: if told.is_some() { Some(self.now) } else { self.grant.error_told_at },
            ..self.unchanged(error)
        };
        (settled, told)
    }

    /// Twice as long each time, a quarter more or less.
    fn wait(&self, failures: u32, in_flight_since: Option<Timestamp>) -> SignedDuration {
        let grace = match (self.rotation, in_flight_since) {
            (Rotation::SingleUse { grace: Some(grace), .. }, Some(since)) if self.now < after(since, grace) => {
                Some(grace)
            }
            _ => None,
        };
        let first = if grace.is_some() { FIRST_RETRY_IN_GRACE } else { FIRST_RETRY };
        let longest = grace.map_or(LAST_RETRY, |grace| (grace / 4).clamp(FIRST_RETRY_IN_GRACE, LAST_RETRY));
        let wait = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
        wait * 3 / 4 + self.draw.part_of(wait / 2)
    }
}

/// What an operator is told of a failure.
fn class(error: &RefreshError) -> RefreshFailure {
    match error {
        RefreshError::Untouched(_) => RefreshFailure::NotReached,
        RefreshError::Lost(_) => RefreshFailure::AnswerLost,
        RefreshError::Unreadable => RefreshFailure::Unreadable,
        RefreshError::Throttled { .. } => RefreshFailure::Throttled,
        RefreshError::AppRefused { .. } => RefreshFailure::AppRefused,
        RefreshError::GrantRefused { .. } => RefreshFailure::GrantRefused,
        RefreshError::Unknown => RefreshFailure::UnknownProvider,
    }
}

/// Whether the access token works, as far as its end goes.
pub(crate) fn is_live(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_none_or(|end| now < end)
}

pub(super) fn after(instant: Timestamp, span: SignedDuration) -> Timestamp {
    instant.saturating_add(span).unwrap_or(FAR).min(FAR)
}

fn before(instant: Timestamp, span: SignedDuration) -> Timestamp {
    instant.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
