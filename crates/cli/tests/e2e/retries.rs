//! Failed deliveries are retried, the first time after half a minute.

use std::{thread, time::Duration};

use terra_auth::webhook::Verifier;
use terra_auth_cli_testkit::{Folder, Received, Receiver, ReservedPort, until};

/// The wait before the first retry, minus rounding of clocks.
const FIRST_WAIT: Duration = Duration::from_secs(29);

#[test]
fn failed_deliveries_are_retried_after_half_a_minute_and_after_a_crash() {
    // Both tests wait at the same time.
    thread::scope(|scope| {
        scope.spawn(a_failed_delivery_is_retried_with_the_same_trace_id_and_a_new_signature);
        scope.spawn(a_delivery_that_failed_before_a_crash_is_retried_after_the_restart);
    });
}

fn a_failed_delivery_is_retried_with_the_same_trace_id_and_a_new_signature() {
    let receiver = Receiver::start_with_status(|nth| if nth == 0 { 500 } else { 200 });
    let folder = Folder::new();
    let server = folder.dev(&format!("--forward-to {}", receiver.url));
    folder.connect("FITBIT", "alice");
    let attempts = receiver.wait_for(2);
    let [first, second] = &attempts[..] else { panic!("{} attempts", attempts.len()) };

    assert!(second.at - first.at >= FIRST_WAIT);
    assert_eq!(second.trace_id(), first.trace_id());
    assert_eq!(second.body, first.body);
    assert_ne!(second.header("terra-signature"), first.header("terra-signature"));
    let secret = folder.key("TERRA_SIGNING_SECRET");
    assert!(signed_at(second, &secret) >= signed_at(first, &secret) + 29);
    let results = until("both attempts are shown", || {
        let results: Vec<_> = server.events().iter().map(|event| event["result"].to_string()).collect();
        (results.len() == 2).then_some(results)
    });
    assert!(results[0].contains("failed: the destination returned 500; next try at "), "{}", results[0]);
    assert!(results[1].contains("delivered, 200"), "{}", results[1]);
}

fn a_delivery_that_failed_before_a_crash_is_retried_after_the_restart() {
    let down = ReservedPort::new();
    let folder = Folder::new();
    let arguments = format!("--forward-to {}", down.url);
    let server = folder.dev(&arguments);
    let user = folder.connect("OURA", "bob");
    let shown = until("the failure is shown", || server.events().into_iter().next());
    assert!(shown["result"].as_str().unwrap().starts_with("failed: "), "{shown}");
    server.kill();

    let receiver = down.open(|_| 200);
    let server = folder.dev(&arguments);
    let delivery = receiver.wait_for(1).remove(0);
    assert_eq!(delivery.trace_id(), shown["event_id"].as_str().unwrap());
    assert_eq!(delivery.json()["user"]["user_id"], user.to_string());
    signed_at(&delivery, &folder.key("TERRA_SIGNING_SECRET"));

    until("the delivery is shown", || server.events().into_iter().find(|event| event["result"] == "delivered, 200"));
    thread::sleep(Duration::from_millis(300)); // long enough to notice a second delivery
    assert_eq!(receiver.received().len(), 1);
}

/// Verifies a signature; returns its time, in seconds since 1970.
fn signed_at(delivery: &Received, secret: &str) -> i64 {
    let signature = delivery.header("terra-signature");
    let time = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
    assert_eq!(Verifier::new([secret]).verify(signature, &delivery.body, time).map(drop), Ok(()));
    time
}
