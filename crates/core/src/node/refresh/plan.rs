//! Decides when to refresh and what follows from the result. Pure functions: the time is a parameter.

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    grant::{FailureRecord, StoredGrant},
    provider::{RefreshError, RefreshPolicy, Rotation, Tokens},
};
use terra_auth_types::wire::admin::{FailedRefresh, GrantState, RefreshFailure};

/// The maximum duration of a call to a provider.
pub(crate) const PROVIDER_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);
/// The duration of a lease: two calls of 10 s, and 10 s by which the clocks of nodes may differ.
pub(crate) const LEASE_TTL: SignedDuration = SignedDuration::from_secs(30);
/// The minimum time between two `connection_error` events of a connection that fails.
const MIN_ERROR_EVENT_INTERVAL: SignedDuration = SignedDuration::from_hours(24);
/// The latest second that every store can represent in milliseconds.
pub(crate) const MAX_TIMESTAMP: Timestamp = Timestamp::constant(253_402_207_199, 0);
const FIRST_RETRY_DELAY: SignedDuration = SignedDuration::from_secs(30);
const MAX_RETRY_DELAY: SignedDuration = SignedDuration::from_hours(1);
/// The first retry within a provider's grace period, which is short.
const FIRST_RETRY_IN_GRACE: SignedDuration = SignedDuration::from_secs(2);

/// A random fraction of 2^32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter(pub(crate) u32);

impl Jitter {
    /// Returns a random part of a span, from zero to almost all of it.
    pub(crate) fn part_of(self, span: SignedDuration) -> SignedDuration {
        let ms = span.as_millis().max(0).saturating_mul(i128::from(self.0)) >> 32;
        SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

/// When tokens that were issued at `now` are due for a refresh: ahead of the access token's expiry, never in
/// the first half of its lifetime, and before half of the refresh token's lifetime is over. Tokens without a
/// refresh token are due when they expire.
pub(crate) fn due_at(tokens: &Tokens, now: Timestamp, policy: &RefreshPolicy, draw: Jitter) -> Option<Timestamp> {
    if tokens.refresh_token.is_none() {
        return tokens.expires_at;
    }
    let ahead_of = |end: Timestamp, ahead: SignedDuration| {
        let life = end.duration_since(now).max(SignedDuration::ZERO);
        let early = ahead.min(life / 2);
        // Jitter spreads the refreshes of tokens that were issued at the same time.
        before(end, early + draw.part_of((life - early) / 10))
    };
    let idle_end = policy.refresh_token_lifetime.map(|life| after(now, life));
    let dues = [
        tokens.expires_at.map(|end| ahead_of(end, policy.lead_time)),
        idle_end.map(|end| ahead_of(end, SignedDuration::MAX)),
    ];
    dues.into_iter().flatten().min()
}

/// Whether the tokens are refreshed only to use the refresh token, because the access token's expiry is unknown.
pub(crate) fn is_refreshed_for_refresh_token_only(tokens: &Tokens, policy: &RefreshPolicy) -> bool {
    tokens.expires_at.is_none() && tokens.refresh_token.is_some() && policy.refresh_token_lifetime.is_some()
}

/// Whether an earlier refresh may have an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PriorAttempt {
    /// No response is missing: a rejection means that the grant is revoked.
    Clean,
    /// A response may be missing, and with it the valid tokens: a rejection may have only that cause.
    Again,
    /// As `Again`, but an attempt could revoke the grant while the access token is still valid. Wait until this
    /// instant.
    NotBefore(Timestamp),
}

/// Decides how a refresh of this grant may begin.
pub(crate) fn prior_attempt(rotation: Rotation, grant: &StoredGrant, tokens: &Tokens, now: Timestamp) -> PriorAttempt {
    let (Some(since), Rotation::SingleUse { grace, reuse_ends_grant }) = (grant.in_flight_since, rotation) else {
        return PriorAttempt::Clean;
    };
    let in_grace = grace.is_some_and(|grace| now < after(since, grace));
    match tokens.expires_at {
        Some(end) if reuse_ends_grant && !in_grace && now < end => PriorAttempt::NotBefore(end),
        _ => PriorAttempt::Again,
    }
}

/// An event for the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantEvent {
    /// `access_revoked`.
    Revoked,
    /// `connection_error`: the end user must connect again.
    NeedsConsent,
    /// `connection_error`: the failure may be temporary.
    Failing,
}

/// A failed refresh.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt<'a> {
    /// The grant as it was before the lease.
    pub(crate) grant: &'a StoredGrant,
    pub(crate) tokens: &'a Tokens,
    pub(crate) opening: PriorAttempt,
    pub(crate) rotation: Rotation,
    /// When the provider was called.
    pub(crate) called_at: Timestamp,
    pub(crate) now: Timestamp,
    /// When the provider may be called again, if the provider or the app is the cause of the failure.
    pub(crate) closed_until: Timestamp,
    pub(crate) draw: Jitter,
}

impl FailedAttempt<'_> {
    /// Returns the record to store and the event for the app.
    pub(crate) fn record_of(&self, error: &RefreshError) -> (FailureRecord, Option<GrantEvent>) {
        match error {
            RefreshError::GrantRefused { .. } => self.grant_refused(error),
            RefreshError::NotReached(_) => self.failing(error, self.grant.in_flight_since),
            RefreshError::AnswerLost(_) | RefreshError::Unreadable => {
                self.failing(error, self.grant.in_flight_since.or(Some(self.called_at)))
            }
            RefreshError::Throttled { .. } | RefreshError::AppRefused { .. } | RefreshError::Unknown => {
                let retry_at = after(self.closed_until, self.draw.part_of(FIRST_RETRY_DELAY));
                (FailureRecord { refresh_at: Some(retry_at), ..self.unchanged(error) }, None)
            }
        }
    }

    /// Returns a record that changes nothing about the grant; the next attempt follows soon.
    pub(super) fn unchanged(&self, error: &RefreshError) -> FailureRecord {
        FailureRecord {
            error: FailedRefresh { class: class(error), at: self.now },
            state: self.grant.state,
            active: None,
            refresh_at: Some(after(self.now, FIRST_RETRY_DELAY / 2 + self.draw.part_of(FIRST_RETRY_DELAY))),
            in_flight_since: self.grant.in_flight_since,
            failures: self.grant.failures,
            error_told_at: self.grant.error_reported_at,
        }
    }

    fn grant_refused(&self, error: &RefreshError) -> (FailureRecord, Option<GrantEvent>) {
        let clean = self.opening == PriorAttempt::Clean && self.tokens.refresh_token.is_some();
        let (state, told) = if clean {
            (GrantState::Revoked, GrantEvent::Revoked)
        } else {
            (GrantState::NeedsConsent, GrantEvent::NeedsConsent)
        };
        let settled = FailureRecord {
            state,
            active: Some(false),
            refresh_at: None,
            failures: self.grant.failures.saturating_add(1),
            error_told_at: Some(self.now),
            ..self.unchanged(error)
        };
        (settled, Some(told))
    }

    fn failing(&self, error: &RefreshError, in_flight_since: Option<Timestamp>) -> (FailureRecord, Option<GrantEvent>) {
        let failures = self.grant.failures.saturating_add(1);
        let live = is_live(self.tokens, self.now);
        let told_long_ago =
            self.grant.error_reported_at.is_none_or(|told| after(told, MIN_ERROR_EVENT_INTERVAL) <= self.now);
        let told = (!live && told_long_ago).then_some(GrantEvent::Failing);
        let settled = FailureRecord {
            state: GrantState::Failing,
            active: Some(live),
            refresh_at: Some(after(self.now, self.wait(failures, in_flight_since))),
            in_flight_since,
            failures,
            error_told_at: if told.is_some() { Some(self.now) } else { self.grant.error_reported_at },
            ..self.unchanged(error)
        };
        (settled, told)
    }

    /// The wait doubles with each failure; jitter changes it by up to a quarter.
    fn wait(&self, failures: u32, in_flight_since: Option<Timestamp>) -> SignedDuration {
        let grace = match (self.rotation, in_flight_since) {
            (Rotation::SingleUse { grace: Some(grace), .. }, Some(since)) if self.now < after(since, grace) => {
                Some(grace)
            }
            _ => None,
        };
        let first = if grace.is_some() { FIRST_RETRY_IN_GRACE } else { FIRST_RETRY_DELAY };
        let longest = grace.map_or(MAX_RETRY_DELAY, |grace| (grace / 4).clamp(FIRST_RETRY_IN_GRACE, MAX_RETRY_DELAY));
        let wait = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
        wait * 3 / 4 + self.draw.part_of(wait / 2)
    }
}

/// The class of a failure, as operators see it.
fn class(error: &RefreshError) -> RefreshFailure {
    match error {
        RefreshError::NotReached(_) => RefreshFailure::NotReached,
        RefreshError::AnswerLost(_) => RefreshFailure::AnswerLost,
        RefreshError::Unreadable => RefreshFailure::Unreadable,
        RefreshError::Throttled { .. } => RefreshFailure::Throttled,
        RefreshError::AppRefused { .. } => RefreshFailure::AppRefused,
        RefreshError::GrantRefused { .. } => RefreshFailure::GrantRefused,
        RefreshError::Unknown => RefreshFailure::UnknownProvider,
    }
}

/// Whether the access token has not expired.
pub(crate) fn is_live(tokens: &Tokens, now: Timestamp) -> bool {
    tokens.expires_at.is_none_or(|end| now < end)
}

pub(crate) fn after(instant: Timestamp, span: SignedDuration) -> Timestamp {
    instant.saturating_add(span).unwrap_or(MAX_TIMESTAMP).min(MAX_TIMESTAMP)
}

fn before(instant: Timestamp, span: SignedDuration) -> Timestamp {
    instant.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
