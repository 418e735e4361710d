//! What a destination receives, and what counts as received.

use std::time::{Duration, Instant};

use terra_auth_delivery::WorkDone;
use terra_auth_egress::AddressPolicy;
use terra_auth_model::delivery::MAX_ATTEMPTS;
use terra_auth_testkit::http;
use url::Url;

use crate::{
    receiver::{Answer, Receiver},
    world::World,
};

const ONE: WorkDone = WorkDone { deliveries: 1, revocations: 0 };

#[tokio::test]
async fn an_event_arrives_signed_byte_for_byte() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let delivery = world.add_event().await;
    assert_eq!(world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap(), ONE);

    let [receipt] = &receiver.receipts()[..] else { panic!("one receipt") };
    let id = delivery.event_id.to_string();
    assert_eq!(receipt.body, delivery.payload.as_bytes());
    assert!(receipt.is_signed(world.environment.signing_secret.expose(), world.now()));
    assert!(!receipt.is_signed("another secret", world.now()));
    assert_eq!((receipt.header("x-terra-trace-id"), receipt.header("terra-reference")), (id.as_str(), id.as_str()));
    assert_eq!(receipt.header("x-terra-ordering-timestamp"), delivery.created_at.as_millisecond().to_string());
    assert_eq!(receipt.header("dev-id"), world.environment.dev_id.as_str());
    assert_eq!(receipt.header("content-type"), "application/json");
    assert_eq!(receipt.header("user-agent"), concat!("terra-auth/", env!("CARGO_PKG_VERSION")));
    assert_eq!(world.seen.lines(), ["delivered: 200"]);
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn retries_keep_the_published_schedule_the_trace_id_and_no_signature() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Status(500));
    let world = World::start(Some(&receiver.url)).await;
    let delivery = world.add_event().await;
    let worker = world.worker(AddressPolicy::AllowPrivate);

    assert_eq!(worker.run_once().await.unwrap(), ONE);
    let mut receipts = vec![(world.now(), receiver.receipts())];
    for wait_s in [30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360] {
        world.pass(wait_s - 1);
        assert_eq!(worker.run_once().await.unwrap(), WorkDone::default(), "a second before {wait_s} s have passed");
        world.pass(1);
        assert_eq!(worker.run_once().await.unwrap(), ONE, "after {wait_s} s");
        receipts.push((world.now(), receiver.receipts()));
    }
    world.pass(30 * 24 * 3600);
    assert_eq!(worker.run_once().await.unwrap(), WorkDone::default());

    assert_eq!(receipts.len(), usize::try_from(MAX_ATTEMPTS).unwrap());
    for (now, receipt) in receipts {
        let [receipt] = &receipt[..] else { panic!("one receipt for each attempt") };
        assert!(receipt.is_signed(world.environment.signing_secret.expose(), now));
        assert_eq!(receipt.header("x-terra-trace-id"), delivery.event_id.to_string());
        let emitted_at = delivery.created_at.as_millisecond().to_string();
        assert_eq!(receipt.header("x-terra-ordering-timestamp"), emitted_at, "the same at every attempt");
    }
    let seen = world.seen.lines();
    assert_eq!(seen[..10], ["failed: the destination returned 500"; 10]);
    assert_eq!(seen[10..], ["gave up: the destination returned 500"]);
}

#[tokio::test]
async fn only_2xx_is_success() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let worker = world.worker(AddressPolicy::AllowPrivate);
    for status in [200, 201, 204, 299, 300, 302, 307, 400, 404, 410, 429, 500, 503] {
        world.add_event().await;
        receiver.answers(Answer::Status(status));
        assert_eq!(worker.run_once().await.unwrap(), ONE);
        let seen = world.seen.lines();
        let expected = if status < 300 {
            format!("delivered: {status}")
        } else {
            format!("failed: the destination returned {status}")
        };
        assert_eq!(seen, [expected]);
        assert_eq!(receiver.receipts().len(), 1, "no redirect is followed");
    }
    assert_eq!(world.auth.waiting().await.unwrap(), (9, 0));
}

#[tokio::test]
async fn a_late_answer_is_a_failure() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    let worker = world.worker(AddressPolicy::AllowPrivate).with_timeout(Duration::from_millis(200));
    for (delay_ms, expected) in [(2000, "failed: the destination did not respond in time"), (0, "delivered: 200")] {
        world.add_event().await;
        receiver.answers(Answer::After(Duration::from_millis(delay_ms)));
        worker.run_once().await.unwrap();
        assert_eq!(world.seen.lines(), [expected]);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_listened_to() {
    let receiver = Receiver::start().await;
    receiver.answers(Answer::Endless);
    let world = World::start(Some(&receiver.url)).await;
    world.add_event().await;
    let begun = Instant::now();
    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();

    assert_eq!(world.seen.lines(), ["delivered: 200"]);
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_destination_that_is_not_there_is_tried_again() {
    let (listener, nobody) = http::listen().await;
    drop(listener);
    let world = World::start(Some(&nobody)).await;
    world.add_event().await;
    world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();

    let [line] = &world.seen.lines()[..] else { panic!("one attempt") };
    assert!(line.starts_with("failed: could not reach the destination: the call failed: "), "{line}");
    assert_eq!(world.auth.waiting().await.unwrap(), (1, 0));
}

#[tokio::test]
async fn a_private_address_is_refused_whether_written_or_resolved() {
    let receiver = Receiver::start().await;
    let port = receiver.url.port().unwrap();
    for (destination, reason) in [
        (format!("https://127.0.0.1:{port}/"), "its address is not public"),
        (format!("https://[::1]:{port}/"), "its address is not public"),
        (format!("https://localhost:{port}/"), "its address is not public"),
        (format!("http://localhost:{port}/"), "must be https"),
        ("https://169.254.169.254/latest/meta-data/".to_owned(), "its address is not public"),
    ] {
        let destination: Url = destination.parse().unwrap();
        let world = World::start(Some(&destination)).await;
        world.add_event().await;
        world.worker(AddressPolicy::Public).run_once().await.unwrap();
        assert_eq!(
            world.seen.lines(),
            [format!("failed: calls to the destination are not allowed: {reason}")],
            "{destination}"
        );
    }
    assert!(receiver.receipts().is_empty());
}

#[tokio::test]
async fn an_event_without_a_destination_is_stored_and_not_sent() {
    let world = World::start(None).await;
    let event = world.add_event().await;
    assert_eq!(world.worker(AddressPolicy::Public).run_once().await.unwrap(), WorkDone::default());

    assert_eq!(world.seen.lines(), [""; 0]);
    assert_eq!(world.auth.waiting().await.unwrap(), (0, 0));
    assert_eq!(world.auth.events_after(&event.dev_id, None, 9).await.unwrap(), [event]);
}

#[tokio::test]
async fn more_than_a_lot_is_handled_at_once() {
    let receiver = Receiver::start().await;
    let world = World::start(Some(&receiver.url)).await;
    for _ in 0..70 {
        world.add_event().await;
    }
    let handled = world.worker(AddressPolicy::AllowPrivate).run_once().await.unwrap();
    assert_eq!((handled.deliveries, receiver.receipts().len()), (70, 70));
}
