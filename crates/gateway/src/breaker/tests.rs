use std::{
    future::{pending, ready},
    sync::Arc,
};

use jiff::SignedDuration;
use terra_auth::{ApiProblem, CredentialsError, Environment, Error};
use terra_auth_model::clock::Clock as _;
use terra_auth_testkit::FixedClock;
use tokio::sync::oneshot;

use super::{
    Breaker, UpstreamError, UpstreamSettings,
    Verdict::{Fails, Works},
    state::{Change, Policy, State},
};

struct Upstream {
    breaker: Breaker,
    clock: Arc<FixedClock>,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Answer,
    Failure,
    Paused(u32),
}

impl Upstream {
    /// Calls are paused for 5 s after three failures.
    fn new() -> Self {
        let settings = UpstreamSettings { failures: 3.try_into().ok(), ..UpstreamSettings::default() };
        let clock = Arc::new(FixedClock::default());
        Self { breaker: Breaker::new(&settings, clock.clone()), clock }
    }

    async fn broken() -> Self {
        let upstream = Self::new();
        for _ in 0..3 {
            assert_eq!(upstream.fails().await, Seen::Failure);
        }
        upstream
    }

    async fn call(&self, work: impl Future<Output = Result<(), Error>>) -> Seen {
        match self.breaker.call(work).await {
            Ok(()) => Seen::Answer,
            Err(UpstreamError::Failed(_)) => Seen::Failure,
            Err(UpstreamError::Paused { retry_after_s }) => Seen::Paused(retry_after_s),
        }
    }

    async fn works(&self) -> Seen {
        self.call(ready(Ok(()))).await
    }

    async fn fails(&self) -> Seen {
        self.call(ready(Err(refused(Error::Server, 500)))).await
    }

    fn pass(&self, ms: i64) {
        self.clock.advance(SignedDuration::from_millis(ms));
    }
}

fn refused(kind: fn(Box<ApiProblem>) -> Error, status: u16) -> Error {
    let message = "words".to_owned();
    let (code, trace_id, retry_after, invalid_user_ids) = (None, None, None, Vec::new());
    kind(Box::new(ApiProblem { status, message, code, product: None, trace_id, retry_after, invalid_user_ids }))
}

fn unreadable() -> Error {
    let (host, problem) = ("api.example".to_owned(), "no JSON".to_owned());
    Error::UnreadableResponse { host, problem, trace_id: None }
}

#[tokio::test]
async fn failures_in_a_row_pause_the_calls_and_one_success_after_the_pause_resumes_them() {
    let upstream = Upstream::broken().await;
    assert_eq!(upstream.works().await, Seen::Paused(5));
    upstream.pass(4001);
    assert_eq!(upstream.works().await, Seen::Paused(1));
    upstream.pass(999);
    assert_eq!([upstream.works().await, upstream.works().await], [Seen::Answer, Seen::Answer]);
    assert_eq!(
        [upstream.fails().await, upstream.fails().await, upstream.works().await],
        [Seen::Failure, Seen::Failure, Seen::Answer]
    );
}

#[tokio::test]
async fn a_rejected_call_is_not_started() {
    let upstream = Upstream::broken().await;
    let work = async { panic!("the upstream was called") };
    assert_eq!(upstream.call(work).await, Seen::Paused(5));
}

#[tokio::test]
async fn a_trial_that_fails_starts_the_pause_again() {
    let upstream = Upstream::broken().await;
    upstream.pass(5000);
    assert_eq!([upstream.fails().await, upstream.works().await], [Seen::Failure, Seen::Paused(5)]);
    upstream.pass(5000);
    assert_eq!(upstream.works().await, Seen::Answer);
}

#[tokio::test]
async fn only_one_trial_call_is_made_at_a_time() {
    let upstream = Upstream::broken().await;
    upstream.pass(5000);
    let (answer, answered) = oneshot::channel();
    let trial = upstream.call(async { answered.await.unwrap() });
    let others = async {
        let others = [upstream.works().await, upstream.works().await];
        answer.send(Ok(())).unwrap();
        others
    };
    let (trial, others) = tokio::join!(trial, others);
    assert_eq!((trial, others), (Seen::Answer, [Seen::Paused(1), Seen::Paused(1)]));
    assert_eq!(upstream.works().await, Seen::Answer);
}

#[tokio::test]
async fn a_cancelled_trial_leaves_the_trial_to_the_next_call() {
    let upstream = Upstream::broken().await;
    upstream.pass(5000);
    tokio::select! {
        biased;
        trial = upstream.call(pending()) => panic!("{trial:?}"),
        other = upstream.works() => assert_eq!(other, Seen::Paused(1)),
    }
    assert_eq!(upstream.works().await, Seen::Answer);
}

#[tokio::test]
async fn only_failures_of_the_upstream_count() {
    type Make = fn() -> Error;
    let cases: [(Make, bool); 8] = [
        (|| refused(Error::Server, 503), true),
        (unreadable, true),
        (|| refused(Error::NotAuthenticated, 401), false),
        (|| refused(Error::Forbidden, 403), false),
        (|| refused(Error::NotFound, 404), false),
        (|| refused(Error::RateLimited, 429), false),
        (|| refused(Error::InvalidInput, 400), false),
        (nothing_sent, false),
    ];
    for (make, counts) in cases {
        let upstream = Upstream::new();
        for _ in 0..3 {
            upstream.call(ready(Err(make()))).await;
        }
        assert_eq!(upstream.breaker.is_open(), counts, "{}", make());
    }
}

fn nothing_sent() -> Error {
    let missing = terra_auth::Credentials::load_from(Environment::Testing, "/nowhere".as_ref(), &|_| None);
    missing.map_err(|error: CredentialsError| Error::from(error)).unwrap_err()
}

#[tokio::test]
async fn a_refused_connection_counts_as_a_failure_of_the_upstream() {
    let keys = ("acme-testing-0000000000".parse().unwrap(), "test-key-not-a-secret".to_owned().into());
    let mut credentials = terra_auth::Credentials::new(Environment::Testing, keys.0, keys.1);
    credentials.api_url = "http://127.0.0.1:1/v2".parse().unwrap();
    let client = terra_auth::Client::builder(credentials).retries(0).build().unwrap();
    let upstream = Upstream::new();
    for _ in 0..3 {
        assert_eq!(upstream.call(async { client.list_integrations().await.map(|_| ()) }).await, Seen::Failure);
    }
    assert!(upstream.breaker.is_open());
}

#[tokio::test]
async fn a_response_between_two_failures_resets_the_count() {
    let not_found = || ready(Err(refused(Error::NotFound, 404)));
    for answer in [true, false] {
        let upstream = Upstream::new();
        for _ in 0..5 {
            upstream.fails().await;
            upstream.fails().await;
            if answer {
                upstream.works().await
            } else {
                upstream.call(not_found()).await
            };
        }
        assert!(!upstream.breaker.is_open());
    }
}

#[tokio::test]
async fn a_call_that_sent_nothing_neither_counts_nor_resets_the_count() {
    let upstream = Upstream::new();
    upstream.fails().await;
    upstream.fails().await;
    upstream.call(ready(Err(nothing_sent()))).await;
    assert!(!upstream.breaker.is_open());
    upstream.fails().await;
    assert!(upstream.breaker.is_open());
}

#[tokio::test]
async fn a_call_that_started_before_the_pause_changes_nothing() {
    let upstream = Upstream::new();
    let (answer, answered) = oneshot::channel();
    let slow = upstream.call(async { answered.await.unwrap() });
    let meanwhile = async {
        for _ in 0..3 {
            upstream.fails().await;
        }
        upstream.pass(5000);
        upstream.works().await;
        upstream.fails().await;
        upstream.fails().await;
        answer.send(Err(refused(Error::Server, 500))).unwrap();
    };
    tokio::join!(slow, meanwhile);
    assert!(!upstream.breaker.is_open());
}

#[tokio::test]
async fn the_breaker_reports_open_during_the_pause_and_during_the_trial() {
    let upstream = Upstream::broken().await;
    assert!(upstream.breaker.is_open());
    upstream.pass(5000);
    assert!(!upstream.breaker.is_open());
    let open_meanwhile = upstream.call(async {
        assert!(upstream.breaker.is_open());
        Ok(())
    });
    assert_eq!(open_meanwhile.await, Seen::Answer);
    assert!(!upstream.breaker.is_open());
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_make_the_pause_longer() {
    let upstream = Upstream::broken().await;
    upstream.pass(-86_400_000);
    assert_eq!(upstream.works().await, Seen::Answer);
}

#[test]
fn each_change_is_reported_once() {
    let clock = FixedClock::default();
    let policy = Policy { failures: 2, pause: SignedDuration::from_secs(5) };
    let mut state = State::default();
    let mut call = |verdict| {
        let now = clock.now();
        let change = state.enter(now, &policy).ok().and_then(|entry| state.record(entry, verdict, now, &policy));
        clock.advance(SignedDuration::from_secs(3));
        change
    };
    let told = [Fails, Fails, Works, Fails, Works, Works, Works].map(&mut call);
    // The third and the fifth call come during the pause. The fourth is a failed trial, so the
    // breaker stays open.
    assert_eq!(told, [None, Some(Change::Opened), None, None, None, Some(Change::Closed), None]);
}
