use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    grant::StoredGrant,
    keys::Sealed,
    provider::{RefreshError, RefreshPolicy, Rotation, Tokens},
};
use terra_auth_types::wire::admin::GrantState;

use crate::node::refresh::plan::{
    FailedAttempt, GrantEvent, Jitter, MAX_TIMESTAMP, PriorAttempt, due_at, prior_attempt,
};

const ONCE: Rotation = Rotation::SingleUse { grace: None, reuse_ends_grant: false };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn policy(token_life_s: Option<i64>) -> RefreshPolicy {
    let token_life = token_life_s.map(SignedDuration::from_secs);
    RefreshPolicy {
        rotation: ONCE,
        lead_time: SignedDuration::from_mins(30),
        refresh_token_lifetime: token_life,
        max_in_flight: 4,
        max_per_minute: None,
        confirm: false,
    }
}

fn tokens(end: Option<i64>) -> Tokens {
    Tokens { access_token: "access".into(), refresh_token: Some("refresh".into()), expires_at: end.map(at) }
}

fn grant(in_flight_since: Option<i64>) -> StoredGrant {
    StoredGrant {
        user_id: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        dev_id: "acme-testing-0000000000".parse().unwrap(),
        provider: "FITBIT".parse().unwrap(),
        sealed: Sealed(Vec::new()),
        scopes: None,
        version: 0,
        expires_at: None,
        refresh_at: None,
        lease: 0,
        lease_until: None,
        in_flight_since: in_flight_since.map(at),
        failures: 0,
        error_reported_at: None,
        state: GrantState::Fine,
        unconfirmed_since: None,
    }
}

fn failed<'a>(grant: &'a StoredGrant, tokens: &'a Tokens, now: i64) -> FailedAttempt<'a> {
    let opening = prior_attempt(ONCE, grant, tokens, at(now));
    FailedAttempt {
        grant,
        tokens,
        opening,
        rotation: ONCE,
        called_at: at(now - 1),
        now: at(now),
        closed_until: at(now + 90),
        draw: Jitter(1 << 31),
    }
}

fn lost() -> RefreshError {
    RefreshError::AnswerLost("cut off".into())
}

fn refused() -> RefreshError {
    RefreshError::GrantRefused { code: "invalid_grant".to_owned() }
}

#[test]
fn a_refresh_is_due_ahead_of_the_expiry_but_in_the_second_half_of_the_lifetime() {
    let policy = policy(None);
    for (life, earliest, latest) in [(8 * 3600, 8 * 3600 - 1800 - 2700, 8 * 3600 - 1800), (600, 270, 300), (0, 0, 0)] {
        let due = |draw| due_at(&tokens(Some(life)), at(0), &policy, Jitter(draw)).unwrap();
        assert_eq!(due(0), at(latest));
        assert!((at(earliest)..=at(latest)).contains(&due(u32::MAX)), "{life}: {}", due(u32::MAX));
    }
    assert_eq!(due_at(&tokens(None), at(0), &policy, Jitter(0)), None);
    let without = Tokens { refresh_token: None, ..tokens(Some(600)) };
    assert_eq!(due_at(&without, at(0), &policy, Jitter(u32::MAX)), Some(at(600)));
}

#[test]
fn a_refresh_token_is_used_before_half_of_its_lifetime_is_over() {
    for (end, token_life, expected) in [
        (None, 1000, Some(500)),
        (Some(100_000), 1000, Some(500)),
        (Some(8 * 3600), 90 * 24 * 3600, Some(8 * 3600 - 1800)),
        (None, i64::MAX, Some(MAX_TIMESTAMP.as_second() / 2)),
    ] {
        let due = due_at(&tokens(end), at(0), &policy(Some(token_life)), Jitter(0));
        assert_eq!(due.map(Timestamp::as_second), expected, "{end:?} {token_life}");
        let jittered = due_at(&tokens(end), at(0), &policy(Some(token_life)), Jitter(u32::MAX)).unwrap();
        assert!(jittered < due.unwrap() && jittered > at(0), "{jittered}");
    }
    let without = Tokens { refresh_token: None, ..tokens(None) };
    assert_eq!(due_at(&without, at(0), &policy(Some(1000)), Jitter(0)), None);
}

#[test]
fn only_a_refresh_token_that_may_be_spent_makes_the_outcome_unknown() {
    let once = |grace: Option<i64>, reuse_ends_grant| Rotation::SingleUse {
        grace: grace.map(SignedDuration::from_secs),
        reuse_ends_grant,
    };
    for (rotation, since, now, expected) in [
        (once(None, true), None, 50, PriorAttempt::Clean),
        (Rotation::Reusable, Some(0), 50, PriorAttempt::Clean),
        (once(None, false), Some(0), 50, PriorAttempt::Again),
        (once(Some(60), true), Some(0), 59, PriorAttempt::Again),
        (once(Some(60), true), Some(0), 60, PriorAttempt::NotBefore(at(100))),
        (once(None, true), Some(0), 99, PriorAttempt::NotBefore(at(100))),
        (once(None, true), Some(0), 100, PriorAttempt::Again),
    ] {
        let found = prior_attempt(rotation, &grant(since), &tokens(Some(100)), at(now));
        assert_eq!(found, expected, "{rotation:?} {since:?} {now}");
    }
}

#[test]
fn a_rejection_is_a_revocation_only_if_no_response_can_be_missing() {
    let tokens = tokens(Some(100));
    for (since, state, told) in [
        (None, GrantState::Revoked, GrantEvent::Revoked),
        (Some(1), GrantState::NeedsConsent, GrantEvent::NeedsConsent),
    ] {
        let grant = grant(since);
        let (settled, event) = failed(&grant, &tokens, 50).record_of(&refused());
        assert_eq!((settled.state, settled.active, settled.refresh_at, event), (state, Some(false), None, Some(told)));
    }
    let (grant, without) = (grant(None), Tokens { refresh_token: None, ..tokens });
    assert_eq!(failed(&grant, &without, 50).record_of(&refused()).0.state, GrantState::NeedsConsent);
}

#[test]
fn a_lost_response_is_remembered_since_the_first_one() {
    let tokens = tokens(Some(100));
    for (since, error, expected) in [
        (None, lost(), Some(at(49))),
        (None, RefreshError::Unreadable, Some(at(49))),
        (None, RefreshError::NotReached("refused".into()), None),
        (Some(7), lost(), Some(at(7))),
        (Some(7), RefreshError::NotReached("refused".into()), Some(at(7))),
    ] {
        assert_eq!(failed(&grant(since), &tokens, 50).record_of(&error).0.in_flight_since, expected, "{error:?}");
    }
}

#[test]
fn a_failing_connection_is_active_while_its_token_is_valid_and_reported_once_a_day() {
    let (live, over) = (tokens(Some(100)), tokens(Some(50)));
    let day = 24 * 3600;
    let told = |tokens: &Tokens, now, earlier: Option<i64>| {
        let grant = StoredGrant { error_reported_at: earlier.map(at), ..grant(None) };
        let (settled, told) = failed(&grant, tokens, now).record_of(&lost());
        (settled.active, told, settled.error_told_at)
    };
    assert_eq!(told(&live, 99, None), (Some(true), None, None));
    assert_eq!(told(&over, 50, None), (Some(false), Some(GrantEvent::Failing), Some(at(50))));
    assert_eq!(told(&over, 49 + day, Some(50)), (Some(false), None, Some(at(50))));
    assert_eq!(told(&over, 50 + day, Some(50)), (Some(false), Some(GrantEvent::Failing), Some(at(50 + day))));
}

#[test]
fn a_rejected_app_changes_no_connection() {
    let (grant, tokens) = (grant(Some(1)), tokens(Some(10)));
    for error in [
        RefreshError::AppRefused { code: "invalid_client".to_owned() },
        RefreshError::Throttled { retry_after: None },
        RefreshError::Unknown,
    ] {
        let (settled, told) = failed(&grant, &tokens, 50).record_of(&error);
        assert_eq!((settled.state, settled.active, settled.failures, told), (GrantState::Fine, None, 0, None));
        assert_eq!((settled.in_flight_since, settled.refresh_at), (Some(at(1)), Some(at(50 + 90 + 15))));
    }
}

#[test]
fn the_wait_doubles_up_to_an_hour_and_is_shorter_within_a_grace_period() {
    let tokens = tokens(Some(1_000_000));
    let wait = |rotation, failures, now: i64| {
        let grant = StoredGrant { failures, ..grant(Some(0)) };
        let failed = FailedAttempt { rotation, ..failed(&grant, &tokens, now) };
        failed.record_of(&lost()).0.refresh_at.unwrap().duration_since(at(now)).as_secs()
    };
    let fitbit = Rotation::SingleUse { grace: Some(SignedDuration::from_mins(2)), reuse_ends_grant: false };
    assert_eq!([0, 1, 2, 6, 7, 40].map(|failures| wait(ONCE, failures, 5)), [30, 60, 120, 1920, 3600, 3600]);
    assert_eq!([0, 1, 2, 4, 5].map(|failures| wait(fitbit, failures, 5)), [2, 4, 8, 30, 30]);
    assert_eq!(wait(fitbit, 0, 120), 30, "the grace is over");
}
