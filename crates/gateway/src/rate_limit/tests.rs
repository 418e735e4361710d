use std::sync::Arc;

use http::HeaderMap;
use jiff::SignedDuration;
use terra_auth_testkit::FixedClock;
use terra_auth_types::ReferenceId;

use super::{LimitSettings, RateLimitStatus, RateLimiter, SWEEP_FROM};

struct Door {
    limits: RateLimiter,
    clock: Arc<FixedClock>,
}

impl Door {
    fn new(user_per_minute: u32, all_per_second: u32) -> Self {
        let settings = LimitSettings {
            user_per_minute: user_per_minute.try_into().ok(),
            all_per_second: all_per_second.try_into().ok(),
        };
        let clock = Arc::new(FixedClock::default());
        Self { limits: RateLimiter::new(&settings, clock.clone()), clock }
    }

    /// Sends a request; returns how many requests remain, or how many seconds to wait.
    fn ask(&self, who: &str) -> Result<u32, u32> {
        let admitted = self.limits.admit(&user(who));
        admitted.map(|status| status.remaining).map_err(|too_many| too_many.retry_after_s)
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn remembered(&self) -> usize {
        self.limits.buckets.lock().unwrap().users.len()
    }

    fn room(&self) -> usize {
        self.limits.buckets.lock().unwrap().users.capacity()
    }
}

fn user(name: &str) -> ReferenceId {
    name.parse().unwrap()
}

#[test]
fn the_quota_of_a_minute_can_be_used_at_once_and_refills_gradually() {
    let door = Door::new(3, 100);
    assert_eq!([door.ask("alice"), door.ask("alice"), door.ask("alice")], [Ok(2), Ok(1), Ok(0)]);
    assert_eq!(door.ask("alice"), Err(20));
    door.pass(19);
    assert_eq!(door.ask("alice"), Err(1));
    door.pass(1);
    assert_eq!([door.ask("alice"), door.ask("alice")], [Ok(0), Err(20)]);
}

#[test]
fn one_end_user_does_not_use_the_quota_of_another() {
    let door = Door::new(1, 100);
    assert_eq!([door.ask("alice"), door.ask("alice"), door.ask("bob")], [Ok(0), Err(60), Ok(0)]);
}

#[test]
fn a_request_rejected_by_the_total_limit_does_not_use_the_end_users_quota() {
    let door = Door::new(10, 2);
    assert_eq!([door.ask("alice"), door.ask("alice")], [Ok(9), Ok(8)]);
    assert_eq!([door.ask("alice"), door.ask("bob")], [Err(1), Err(1)]);
    door.pass(1);
    // One of the ten requests a minute is refilled after 6 s, and no rejected request was counted.
    assert_eq!([door.ask("alice"), door.ask("bob")], [Ok(7), Ok(9)]);
}

#[test]
fn a_request_rejected_by_the_end_users_limit_does_not_use_the_total_quota() {
    let door = Door::new(1, 2);
    assert_eq!(door.ask("alice"), Ok(0));
    for _ in 0..10 {
        assert_eq!(door.ask("alice"), Err(60));
    }
    assert_eq!([door.ask("bob"), door.ask("carol")], [Ok(0), Err(1)]);
}

#[test]
fn the_headers_contain_the_policy_and_the_remaining_quota() {
    let door = Door::new(60, 100);
    let written = |status: RateLimitStatus| {
        let mut headers = HeaderMap::new();
        status.write(&mut headers);
        ["ratelimit-policy", "ratelimit"].map(|name| headers[name].to_str().unwrap().to_owned())
    };
    let first = door.limits.admit(&user("alice")).unwrap();
    assert_eq!(written(first), [r#""user";q=60;w=60"#, r#""user";r=59;t=1"#]);
    while door.ask("alice").is_ok() {}
    let refused = door.limits.admit(&user("alice")).unwrap_err();
    assert_eq!(written(refused.status), [r#""user";q=60;w=60"#, r#""user";r=0;t=60"#]);
}

#[test]
fn the_default_is_60_requests_a_minute() {
    let limits = RateLimiter::new(&LimitSettings::default(), Arc::new(FixedClock::default()));
    let alice = user("alice");
    assert_eq!((0..100).filter(|_| limits.admit(&alice).is_ok()).count(), 60);
}

#[test]
fn a_clock_that_is_set_back_delays_a_caller_by_at_most_a_minute() {
    let door = Door::new(1, 1);
    assert_eq!(door.ask("alice"), Ok(0));
    door.pass(-86_400);
    assert_eq!(door.ask("alice"), Err(60));
    door.pass(60);
    assert_eq!(door.ask("alice"), Ok(0));
}

#[test]
fn inactive_end_users_are_removed() {
    let door = Door::new(60, 1_000_000);
    for number in 0..=SWEEP_FROM {
        door.ask(&number.to_string()).unwrap();
    }
    let (many, room) = (door.remembered(), door.room());
    door.pass(60);
    door.ask("alice").unwrap();
    assert_eq!((many, door.remembered()), (SWEEP_FROM + 1, 1));
    assert!(door.room() < room / 100, "{} of {room}", door.room());
}

#[test]
fn an_end_user_with_a_used_quota_is_not_removed() {
    let door = Door::new(1, 1_000_000);
    for number in 0..=SWEEP_FROM {
        door.ask(&number.to_string()).unwrap();
    }
    door.pass(40);
    door.ask("alice").unwrap();
    door.pass(30);
    door.ask("bob").unwrap();
    // Most buckets are full again, but the last check was less than a minute ago.
    assert_eq!(door.remembered(), SWEEP_FROM + 3);
    door.pass(30);
    assert_eq!([door.ask("carol"), door.ask("bob")], [Ok(0), Err(30)]);
    assert_eq!(door.remembered(), 2);
}

#[test]
fn end_users_without_an_admitted_request_are_not_stored() {
    let door = Door::new(60, 1);
    door.ask("alice").unwrap();
    for number in 0..100 {
        door.ask(&number.to_string()).unwrap_err();
    }
    assert_eq!(door.remembered(), 1);
}
