use jiff::{SignedDuration, Timestamp};

use super::{Draw, FAR, Failed, Opening, Told, due_at, opening};
use crate::{
    grant::{GrantState, KeptGrant},
    provider::{RefreshError, RefreshPolicy, Rotation, Tokens},
    seal::Sealed,
};

const ONCE: Rotation = Rotation::SingleUse { grace: None, reuse_ends_grant: false };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn policy(token_life_s: Option<i64>) -> RefreshPolicy {
    let token_life = token_life_s.map(SignedDuration::from_secs);
    RefreshPolicy {
        rotation: ONCE,
        ahead: SignedDuration::from_mins(30),
        token_life,
        at_once: 4,
        per_minute: None,
        confirm: false,
    }
}

fn tokens(end: Option<i64>) -> Tokens {
    Tokens { access_token: "access".into(), refresh_token: Some("refresh".into()), expires_at: end.map(at) }
}

fn grant(in_flight_since: Option<i64>) -> KeptGrant {
    KeptGrant {
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
        error_told_at: None,
        state: GrantState::Fine,
        unconfirmed_since: None,
    }
}

fn failed<'a>(grant: &'a KeptGrant, tokens: &'a Tokens, now: i64) -> Failed<'a> {
    let opening = opening(ONCE, grant, tokens, at(now));
    Failed {
        grant,
        tokens,
        opening,
        rotation: ONCE,
        called_at: at(now - 1),
        now: at(now),
        closed_until: at(now + 90),
        draw: Draw(1 << 31),
    }
}

fn lost() -> RefreshError {
    RefreshError::Lost("cut off".into())
}

fn refused() -> RefreshError {
    RefreshError::GrantRefused { code: "invalid_grant".to_owned() }
}

#[test]
fn a_refresh_falls_due_ahead_of_the_end_but_in_the_second_half_of_a_life() {
    let policy = policy(None);
    for (life, earliest, latest) in [(8 * 3600, 8 * 3600 - 1800 - 2700, 8 * 3600 - 1800), (600, 270, 300), (0, 0, 0)] {
        let due = |draw| due_at(&tokens(Some(life)), at(0), &policy, Draw(draw)).unwrap();
        assert_eq!(due(0), at(latest));
        assert!((at(earliest)..=at(latest)).contains(&due(u32::MAX)), "{life}: {}", due(u32::MAX));
    }
    assert_eq!(due_at(&tokens(None), at(0), &policy, Draw(0)), None);
    let without = Tokens { refresh_token: None, ..tokens(Some(600)) };
    assert_eq!(due_at(&without, at(0), &policy, Draw(u32::MAX)), Some(at(600)));
}

#[test]
fn a_refresh_token_is_used_before_half_of_its_own_life_is_over() {
    for (end, token_life, expected) in [
        (None, 1000, Some(500)),
        (Some(100_000), 1000, Some(500)),
        (Some(8 * 3600), 90 * 24 * 3600, Some(8 * 3600 - 1800)),
        (None, i64::MAX, Some(FAR.as_second() / 2)),
    ] {
        let due = due_at(&tokens(end), at(0), &policy(Some(token_life)), Draw(0));
        assert_eq!(due.map(Timestamp::as_second), expected, "{end:?} {token_life}");
        let jittered = due_at(&tokens(end), at(0), &policy(Some(token_life)), Draw(u32::MAX)).unwrap();
        assert!(jittered < due.unwrap() && jittered > at(0), "{jittered}");
    }
    let without = Tokens { refresh_token: None, ..tokens(None) };
    assert_eq!(due_at(&without, at(0), &policy(Some(1000)), Draw(0)), None);
}

#[test]
fn only_a_refresh_token_that_may_be_spent_makes_an_opening_unclear() {
    let once = |grace: Option<i64>, reuse_ends_grant| Rotation::SingleUse {
        grace: grace.map(SignedDuration::from_secs),
        reuse_ends_grant,
    };
    for (rotation, since, now, expected) in [
        (once(None, true), None, 50, Opening::Clean),
        (Rotation::Kept, Some(0), 50, Opening::Clean),
        (once(None, false), Some(0), 50, Opening::Again),
        (once(Some(60), true), Some(0), 59, Opening::Again),
        (once(Some(60), true), Some(0), 60, Opening::NotBefore(at(100))),
        (once(None, true), Some(0), 99, Opening::NotBefore(at(100))),
        (once(None, true), Some(0), 100, Opening::Again),
    ] {
        let found = opening(rotation, &grant(since), &tokens(Some(100)), at(now));
        assert_eq!(found, expected, "{rotation:?} {since:?} {now}");
    }
}

#[test]
fn a_refusal_is_a_revocation_only_if_no_answer_can_be_missing() {
    let tokens = tokens(Some(100));
    for (since, state, told) in
        [(None, GrantState::Revoked, Told::Revoked), (Some(1), GrantState::NeedsConsent, Told::NeedsConsent)]
    {
        let grant = grant(since);
        let (settled, event) = failed(&grant, &tokens, 50).settle(&refused());
        assert_eq!((settled.state, settled.active, settled.refresh_at, event), (state, Some(false), None, Some(told)));
    }
    let (grant, without) = (grant(None), Tokens { refresh_token: None, ..tokens });
    assert_eq!(failed(&grant, &without, 50).settle(&refused()).0.state, GrantState::NeedsConsent);
}

#[test]
fn a_lost_answer_is_remembered_from_the_first_one_on() {
    let tokens = tokens(Some(100));
    for (since, error, expected) in [
        (None, lost(), Some(at(49))),
        (None, RefreshError::Unreadable, Some(at(49))),
        (None, RefreshError::Untouched("refused".into()), None),
        (Some(7), lost(), Some(at(7))),
        (Some(7), RefreshError::Untouched("refused".into()), Some(at(7))),
    ] {
        assert_eq!(failed(&grant(since), &tokens, 50).settle(&error).0.in_flight_since, expected, "{error:?}");
    }
}

#[test]
fn a_connection_that_fails_is_active_while_its_access_token_lives_and_is_told_once_a_day() {
    let (live, over) = (tokens(Some(100)), tokens(Some(50)));
    let day = 24 * 3600;
    let told = |tokens: &Tokens, now, earlier: Option<i64>| {
        let grant = KeptGrant { error_told_at: earlier.map(at), ..grant(None) };
        let (settled, told) = failed(&grant, tokens, now).settle(&lost());
        (settled.active, told, settled.error_told_at)
    };
    assert_eq!(told(&live, 99, None), (Some(true), None, None));
    assert_eq!(told(&over, 50, None), (Some(false), Some(Told::Failing), Some(at(50))));
    assert_eq!(told(&over, 49 + day, Some(50)), (Some(false), None, Some(at(50))));
    assert_eq!(told(&over, 50 + day, Some(50)), (Some(false), Some(Told::Failing), Some(at(50 + day))));
}

#[test]
fn a_provider_that_refuses_the_app_touches_no_connection() {
    let (grant, tokens) = (grant(Some(1)), tokens(Some(10)));
    for error in [
        RefreshError::AppRefused { code: "invalid_client".to_owned() },
        RefreshError::Throttled { retry_after: None },
        RefreshError::Unknown,
    ] {
        let (settled, told) = failed(&grant, &tokens, 50).settle(&error);
        assert_eq!((settled.state, settled.active, settled.failures, told), (GrantState::Fine, None, 0, None));
        assert_eq!((settled.in_flight_since, settled.refresh_at), (Some(at(1)), Some(at(50 + 90 + 15))));
    }
}

#[test]
fn retries_double_to_an_hour_and_come_quicker_within_a_grace() {
    let tokens = tokens(Some(1_000_000));
    let wait = |rotation, failures, now: i64| {
        let grant = KeptGrant { failures, ..grant(Some(0)) };
        let failed = Failed { rotation, ..failed(&grant, &tokens, now) };
        failed.settle(&lost()).0.refresh_at.unwrap().duration_since(at(now)).as_secs()
    };
    let fitbit = Rotation::SingleUse { grace: Some(SignedDuration::from_mins(2)), reuse_ends_grant: false };
    assert_eq!([0, 1, 2, 6, 7, 40].map(|failures| wait(ONCE, failures, 5)), [30, 60, 120, 1920, 3600, 3600]);
    assert_eq!([0, 1, 2, 4, 5].map(|failures| wait(fitbit, failures, 5)), [2, 4, 8, 30, 30]);
    assert_eq!(wait(fitbit, 0, 120), 30, "the grace is over");
}
