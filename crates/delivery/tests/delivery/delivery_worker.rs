//! How the delivery worker lives: woken, interrupted, restarted, and with a store that fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use terra_auth_core::{admin::action::Admin, outbox::QueueCapacity};
use terra_auth_delivery::WorkDone;
use terra_auth_egress::AddressPolicy;
use terra_auth_model::{
    clock::Clock as _,
    mobile_token::TokenId,
    provider::Providers,
    store::{Engine, Job, Store},
    store_error::StoreError,
};
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{
    Fixtures, StoreExt,
    sandbox_login::{self, Login},
};
use terra_auth_types::{Environment, wire::admin::ChangeEnvironment};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    receiver::{Answer, Receiver},
    world::World,
};

const TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_notification_wakes_the_worker() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let worker = world.worker(AddressPolicy::AllowPrivate);
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(async move { worker.run(async { _ = stopped.await }).await });
    tokio::time::sleep(Duration::from_millis(50)).await;

    world.add_event().await;
    world.auth.outbox().notify_one();
    receiver.arrival().await;

    stop.send(()).unwrap();
    timeout(TIMEOUT, working).await.unwrap().unwrap();
    assert_eq!(world.seen.lines(), ["delivered: 200"]);
}

#[tokio::test]
async fn the_worker_wakes_when_a_retry_falls_due() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let world = World::start(Some(&receiver.url)).await;
    world.add_event().await;
    let worker = world.worker(AddressPolicy::AllowPrivate);
    worker.run_once().await.unwrap();
    receiver.arrival().await;

    world.clock.advance(SignedDuration::from_millis(29_800));
    let passing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.pass(1);
        receiver.arrival().await;
    };
    timeout(TIMEOUT, worker.run(passing)).await.unwrap();
    assert_eq!(world.seen.lines().len(), 2);
}

#[tokio::test]
async fn an_attempt_under_way_is_finished_before_the_worker_stops() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::After(Duration::from_millis(200)));
    let world = World::start(Some(&receiver.url)).await;
    world.add_event().await;
    let worker = world.worker(AddressPolicy::AllowPrivate);
    timeout(TIMEOUT, worker.run(receiver.arrival())).await.unwrap();

    assert_eq!(world.seen.lines(), ["delivered: 200"]);
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn a_restart_continues_the_interrupted_work() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(503));
    let world = World::start(Some(&receiver.url)).await;
    let failed = world.add_event().await;
    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    let halfway = world.add_event().await;
    assert_eq!(
        world.auth.claim_deliveries(QueueCapacity::even(9, 9)).await.unwrap().due.len(),
        1,
        "taken by a server that dies"
    );
    receiver.receipts();

    receiver.answers(Answer::Status(200));
    let restarted = world.restarted().await;
    let worker = restarted.worker(AddressPolicy::AllowPrivate);
    for (wait_s, delivery) in [(30, failed), (30, halfway)] {
        world.pass(wait_s);
        worker.run_once().await.unwrap();
        let [receipt] = &receiver.receipts()[..] else { panic!("one receipt") };
        assert_eq!(receipt.header("x-terra-trace-id"), delivery.event_id.to_string());
        assert!(receipt.is_signed(world.environment.signing_secret.expose(), world.now()));
    }
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn a_node_that_has_not_heard_of_a_destination_posts_there() {
    let receiver = Receiver::start().await;
    let (world, here) = (World::start(None).await, Admin::local("tests"));
    let other_node = world.restarted().await;
    let change = ChangeEnvironment { destination: Some(Some(receiver.url.clone())), ..ChangeEnvironment::default() };
    other_node.auth.change_environment(&here, &world.environment.dev_id, &change).await.unwrap();
    world.add_event().await;

    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    assert_eq!(world.seen.lines(), ["delivered: 200"]);
    assert_eq!(receiver.receipts().len(), 1);
}

#[tokio::test]
async fn a_node_that_has_not_heard_of_an_environment_delivers_its_events() {
    let receiver = Receiver::start().await;
    let world = World::start(None).await;
    let behind = world.restarted().await;
    let dev_id = world.add_environment(Environment::Production, &receiver.url).await;
    world.add_event_of(&dev_id).await;

    behind.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    assert_eq!(behind.seen.lines(), ["delivered: 200"]);
}

#[tokio::test]
async fn an_event_whose_destination_was_removed_elsewhere_is_not_posted() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let other_node = world.restarted().await;
    let change = ChangeEnvironment { destination: Some(None), ..ChangeEnvironment::default() };
    other_node.auth.change_environment(&Admin::local("tests"), &world.environment.dev_id, &change).await.unwrap();
    world.add_event().await;

    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    assert_eq!((world.seen.lines().len(), receiver.receipts().len()), (0, 0));
}

/// Three hundred events for a receiver that never answers, and events for another one meanwhile.
#[tokio::test]
async fn a_slow_receiver_delays_no_other() {
    let (hanging, healthy) = (Receiver::start().await, Receiver::start().await);
    hanging.answers(Answer::After(Duration::from_mins(1)));
    let world = World::start(Some(&hanging.url)).await;
    let other = world.add_environment(Environment::Production, &healthy.url).await;
    for _ in 0..300 {
        world.add_event().await;
    }
    let worker = world.worker(AddressPolicy::AllowPrivate);
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(async move { worker.run(async { _ = stopped.await }).await });
    hanging.arrival().await;
    for _ in 0..30 {
        world.add_event_of(&other).await;
        world.auth.outbox().notify_one();
        timeout(Duration::from_secs(1), healthy.arrival()).await.expect("no event waits for the other receiver");
    }
    assert!(hanging.receipts().len() <= 8, "a receiver of which nothing is known has eight places");
    drop(stop);
    working.abort();
}

/// A hundred revocations at a provider that does not answer, and an event.
#[tokio::test]
async fn a_slow_provider_delays_no_event() {
    let (face, login, receiver) = (&ProviderProfile::WHOOP, Login::start().await, Receiver::start().await);
    let grant = login.grant(face).await;
    let providers: Arc<dyn Providers> = login.providers.clone();
    let world = World::with(Store::new(Sqlite::in_memory().unwrap()), providers, Some(&receiver.url)).await;
    login.sandbox.set_fault(face, Some(Fault::Slow(Duration::from_mins(1))));
    for _ in 0..100 {
        world.add_revocation(face, &grant.tokens).await;
    }
    let worker = world.worker(AddressPolicy::AllowPrivate);
    let working = tokio::spawn(async move { worker.run(std::future::pending()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        world.add_event().await;
        world.auth.outbox().notify_one();
        timeout(Duration::from_secs(1), receiver.arrival()).await.expect("no event waits for a provider");
    }
    working.abort();
}

#[tokio::test]
async fn a_single_node_takes_over_old_leases_at_its_start() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    world.add_event().await;
    assert_eq!(
        world.auth.claim_deliveries(QueueCapacity::even(9, 9)).await.unwrap().due.len(),
        1,
        "the process ends now"
    );

    let restarted = world.restarted().await;
    assert_eq!(restarted.auth.release_leases().await.unwrap(), 1);
    restarted.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    assert_eq!(restarted.seen.lines(), ["delivered: 200"]);
}

#[tokio::test]
async fn an_attempt_scheduled_by_a_fast_clock_is_retried_at_once() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let world = World::start(Some(&receiver.url)).await;
    world.add_event().await;
    world.pass(3600);
    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    world.pass(-3600);
    receiver.answers(Answer::Status(200));
    let worker = world.worker(AddressPolicy::AllowPrivate);
    worker.run(async {}).await; // housekeeping notices
    worker.run_once().await.unwrap();
    assert_eq!(world.seen.lines(), ["failed: the destination returned 500", "delivered: 200"]);
}

/// More than came in five minutes' time at 167 a second.
#[tokio::test]
async fn housekeeping_continues_while_there_is_something_to_remove() {
    const SPENT: u32 = 51_000;
    let world = World::start(None).await;
    let store = world.auth.store().clone();
    for n in 0..SPENT {
        let token_id = TokenId(std::array::from_fn(|i| n.to_be_bytes().get(i).copied().unwrap_or_default()));
        store.spend_token(&token_id, &world.clock.now()).await.unwrap();
    }
    world.pass(3 * 24 * 3600);
    let worker = world.worker(AddressPolicy::Public);
    let working = tokio::spawn(async move { worker.run(std::future::pending()).await });
    // As long as a token is remembered, it cannot be spent again.
    timeout(Duration::from_mins(1), async {
        let last = TokenId(std::array::from_fn(|i| (SPENT - 1).to_be_bytes().get(i).copied().unwrap_or_default()));
        while !store.spend_token(&last, &world.clock.now()).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    working.abort();
}

#[tokio::test]
async fn a_revocation_is_repeated_until_the_provider_confirms_it() {
    let face = &ProviderProfile::WHOOP;
    let login = Login::start().await;
    let grant = login.grant(face).await;
    let providers: Arc<dyn Providers> = login.providers.clone();
    let world = World::with(Store::new(Sqlite::in_memory().unwrap()), providers, None).await;
    world.add_revocation(face, &grant.tokens).await;
    let worker = world.worker(AddressPolicy::AllowPrivate);
    let once = WorkDone { deliveries: 0, revocations: 1 };

    login.sandbox.set_fault(face, Some(Fault::ServerError));
    for wait_s in [0, 30, 60] {
        world.pass(wait_s);
        assert_eq!(worker.run_once().await.unwrap(), once);
        assert_eq!((login.sandbox.grants(face)[0].revoked, world.auth.waiting().await.unwrap()), (false, (0, 1)));
    }
    login.sandbox.set_fault(face, None);
    assert_eq!(worker.run_once().await.unwrap(), WorkDone::default(), "not due yet");
    world.pass(120);
    assert_eq!(worker.run_once().await.unwrap(), once);
    assert_eq!((login.sandbox.grants(face)[0].revoked, world.auth.waiting().await.unwrap()), (true, (0, 0)));
}

#[tokio::test]
async fn an_expired_session_is_deleted_after_a_day() {
    let world = World::start(None).await;
    let mut session =
        Fixtures::default().widget_session(&Fixtures::default().developer(world.environment.dev_id.as_str()));
    session.expires_at = session.created_at;
    world.auth.store().add_widget_session(&session).await.unwrap();
    let worker = world.worker(AddressPolicy::Public);

    world.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    worker.run(async {}).await;
    assert!(world.auth.store().widget_session(&session.session_id).await.unwrap().is_some());
    world.pass(1);
    worker.run(async {}).await;
    assert!(world.auth.store().widget_session(&session.session_id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_is_waited_for() {
    let receiver = Receiver::start().await;
    let failures = Arc::new(AtomicU32::new(0));
    let flaky = Flaky { inner: Sqlite::in_memory().unwrap(), failures: Arc::clone(&failures) };
    let recipes = terra_auth_providers::Recipes::sandbox(&"http://127.0.0.1:9/".parse().unwrap()).unwrap();
    let providers = Arc::new(sandbox_login::providers(recipes, "test-key-not-a-secret"));
    let world = World::with(Store::new(flaky), providers, Some(&receiver.url)).await;
    world.add_event().await;
    let worker = world.worker(AddressPolicy::AllowPrivate);

    failures.store(3, Ordering::Relaxed);
    timeout(TIMEOUT, worker.run(receiver.arrival())).await.unwrap();
    assert_eq!((failures.load(Ordering::Relaxed), world.seen.lines()), (0, vec!["delivered: 200".to_owned()]));
}

/// Fails as often as it is told to.
struct Flaky {
    inner: Sqlite,
    failures: Arc<AtomicU32>,
}

impl Flaky {
    fn fail(&self) -> Result<(), StoreError> {
        let left = self.failures.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { Err(StoreError::Busy) } else { Ok(()) }
    }
}

#[async_trait]
impl Engine for Flaky {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.fail()?;
        self.inner.write(job).await
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.fail()?;
        self.inner.read(job).await
    }
}
