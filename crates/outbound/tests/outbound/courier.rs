//! How the courier lives: woken, interrupted, restarted, and with a store that fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use terra_auth_core::{
    provider::Providers,
    store::{Engine, Job, Store, StoreError},
};
use terra_auth_outbound::{AddressPolicy, Handled};
use terra_auth_sandbox::{Face, Fault};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{Rows, Verbs};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    login::{self, Login},
    receiver::{Answer, Receiver},
    world::World,
};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_bell_wakes_the_courier() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let courier = world.courier(AddressPolicy::AllowPrivate);
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(async move { courier.run(async { _ = stopped.await }).await });
    tokio::time::sleep(Duration::from_millis(50)).await;

    world.add_delivery().await;
    world.auth.outbox.notify_one();
    receiver.arrival().await;

    stop.send(()).unwrap();
    timeout(PATIENCE, working).await.unwrap().unwrap();
    assert_eq!(world.seen.lines(), ["delivered: 200"]);
}

#[tokio::test]
async fn the_courier_wakes_when_a_retry_falls_due() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let world = World::start(Some(&receiver.url)).await;
    world.add_delivery().await;
    let courier = world.courier(AddressPolicy::AllowPrivate);
    courier.run_once().await.unwrap();
    receiver.arrival().await;

    world.clock.advance(SignedDuration::from_millis(29_800));
    let passing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.pass(1);
        receiver.arrival().await;
    };
    timeout(PATIENCE, courier.run(passing)).await.unwrap();
    assert_eq!(world.seen.lines().len(), 2);
}

#[tokio::test]
async fn an_attempt_under_way_is_finished_before_the_courier_stops() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::After(Duration::from_millis(200)));
    let world = World::start(Some(&receiver.url)).await;
    world.add_delivery().await;
    let courier = world.courier(AddressPolicy::AllowPrivate);
    timeout(PATIENCE, courier.run(receiver.arrival())).await.unwrap();

    assert_eq!(world.seen.lines(), ["delivered: 200"]);
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(503));
    let world = World::start(Some(&receiver.url)).await;
    let failed = world.add_delivery().await;
    world.courier(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    let halfway = world.add_delivery().await;
    assert_eq!(world.auth.claim_due().await.unwrap().deliveries.len(), 1, "taken by a server that dies");
    receiver.receipts();

    receiver.answers(Answer::Status(200));
    let restarted = world.restarted().await;
    let courier = restarted.courier(AddressPolicy::AllowPrivate);
    for (wait_s, delivery) in [(30, failed), (30, halfway)] {
        world.pass(wait_s);
        courier.run_once().await.unwrap();
        let [receipt] = &receiver.receipts()[..] else { panic!("one receipt") };
        assert_eq!(receipt.header("x-terra-trace-id"), delivery.delivery_id.to_string());
        assert!(receipt.is_signed(world.environment.signing_secret.expose(), world.now()));
    }
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn an_environment_that_is_not_known_yet_loses_nothing() {
    let mut world = World::start(None).await;
    world.environment.dev_id = "testing-elsewhere".parse().unwrap();
    world.auth.store.add_developer(&Rows::default().developer("testing-elsewhere")).await.unwrap();
    world.add_delivery().await;
    let courier = world.courier(AddressPolicy::AllowPrivate);
    courier.run_once().await.unwrap();
    assert_eq!(world.seen.lines(), ["failed: the environment is unknown"]);

    world.auth.reload().await.unwrap();
    world.pass(30);
    courier.run_once().await.unwrap();
    assert_eq!(world.seen.lines(), ["unsent"]);
}

#[tokio::test]
async fn a_revocation_is_repeated_until_the_provider_confirms_it() {
    let face = &Face::WHOOP;
    let login = Login::start().await;
    let grant = login.grant(face).await;
    let providers: Arc<dyn Providers> = login.providers.clone();
    let world = World::with(Store::new(Sqlite::in_memory().unwrap()), providers, None).await;
    world.add_revocation(face, &grant.tokens).await;
    let courier = world.courier(AddressPolicy::AllowPrivate);
    let once = Handled { deliveries: 0, revocations: 1 };

    login.sandbox.set_fault(face, Some(Fault::ServerError));
    for wait_s in [0, 30, 60] {
        world.pass(wait_s);
        assert_eq!(courier.run_once().await.unwrap(), once);
        assert_eq!((login.sandbox.grants(face)[0].revoked, world.auth.waiting().await.unwrap()), (false, (0, 1)));
    }
    login.sandbox.set_fault(face, None);
    assert_eq!(courier.run_once().await.unwrap(), Handled::default(), "not due yet");
    world.pass(120);
    assert_eq!(courier.run_once().await.unwrap(), once);
    assert_eq!((login.sandbox.grants(face)[0].revoked, world.auth.waiting().await.unwrap()), (true, (0, 0)));
}

#[tokio::test]
async fn what_has_expired_is_forgotten() {
    let world = World::start(None).await;
    let mut session = Rows::default().widget_session(&Rows::default().developer(world.environment.dev_id.as_str()));
    session.expires_at = session.created_at;
    world.auth.store.add_widget_session(&session).await.unwrap();
    let courier = world.courier(AddressPolicy::Public);

    world.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    courier.run(async {}).await;
    assert!(world.auth.store.widget_session(&session.session_id).await.unwrap().is_some());
    world.pass(1);
    courier.run(async {}).await;
    assert!(world.auth.store.widget_session(&session.session_id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_is_waited_for() {
    let receiver = Receiver::start().await;
    let failures = Arc::new(AtomicU32::new(0));
    let flaky = Flaky { inner: Sqlite::in_memory().unwrap(), failures: Arc::clone(&failures) };
    let recipes = terra_auth_outbound::Recipes::sandbox(&"http://127.0.0.1:9/".parse().unwrap()).unwrap();
    let providers = Arc::new(login::providers(recipes, "test-key-not-a-secret"));
    let world = World::with(Store::new(flaky), providers, Some(&receiver.url)).await;
    world.add_delivery().await;
    let courier = world.courier(AddressPolicy::AllowPrivate);

    failures.store(3, Ordering::Relaxed);
    timeout(PATIENCE, courier.run(receiver.arrival())).await.unwrap();
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
