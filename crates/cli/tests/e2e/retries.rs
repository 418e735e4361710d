//! What does not arrive is tried again, half a minute later the first time.

use std::{thread, time::Duration};

use terra_auth::webhook::Verifier;

use crate::support::{
    folder::Folder,
    receiver::{Received, Receiver, Reserved},
    until,
};

/// The first retry's wait, less what clocks round.
const FIRST_WAIT: Duration = Duration::from_secs(29);

#[test]
fn what_does_not_arrive_comes_again_after_half_a_minute_and_after_a_crash_too() {
    // They wait at the same time.
    thread::scope(|scope| {
        scope.spawn(a_refused_delivery_comes_again_under_the_same_trace_id_signed_afresh);
        scope.spawn(what_was_not_delivered_before_a_crash_is_delivered_after_the_restart);
    });
}

fn a_refused_delivery_comes_again_under_the_same_trace_id_signed_afresh() {
    let receiver = Receiver::answering(|nth| if nth == 0 { 500 } else { 200 });
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
    assert!(results[0].contains("failed: the destination answered 500; next try at "), "{}", results[0]);
    assert!(results[1].contains("delivered, 200"), "{}", results[1]);
}

fn what_was_not_delivered_before_a_crash_is_delivered_after_the_restart() {
    let down = Reserved::new();
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
    assert_eq!(delivery.trace_id(), shown["delivery_id"].as_str().unwrap());
    assert_eq!(delivery.json()["user"]["user_id"], user.to_string());
    signed_at(&delivery, &folder.key("TERRA_SIGNING_SECRET"));

    until("the delivery is shown", || server.events().into_iter().find(|event| event["result"] == "delivered, 200"));
    thread::sleep(Duration::from_millis(300)); // long enough for a second one to show
    assert_eq!(receiver.received().len(), 1);
}

/// The time in a signature that fits, in seconds since 1970.
fn signed_at(delivery: &Received, secret: &str) -> i64 {
    let signature = delivery.header("terra-signature");
    let time = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
    assert_eq!(Verifier::new([secret]).verify(signature, &delivery.body, time).map(drop), Ok(()));
    time
}
