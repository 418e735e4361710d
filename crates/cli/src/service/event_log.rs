//! The live event log of `dev`: each webhook delivery attempt and its result.

use std::{io::Write as _, time::Duration};

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use terra_auth_core::Auth;
use terra_auth_delivery::{Attempt, DeliveryError, DeliveryResult, Observer};
use terra_auth_model::event::EventRecord;
use terra_auth_types::DevId;
use tokio::time::sleep;

use crate::terminal::ui::{Ui, shown};

/// Prints each attempt to standard output on one line, followed by the payload with `--verbose`.
pub(crate) struct EventLog(pub(crate) Ui);

impl Observer for EventLog {
    fn attempted(&self, attempt: &Attempt<'_>) {
        let payload: Value = serde_json::from_str(&attempt.delivery.payload).unwrap_or_default();
        print(self.0, &payload, || plain(attempt, &payload), || json(attempt, &payload));
    }
}

/// Prints each event of an environment without a destination, until the process ends. Deliveries are printed by the observer.
pub(crate) async fn print_undelivered(auth: Auth, dev_id: DevId, ui: Ui) {
    let mut events = auth.event_stream(&dev_id, None);
    loop {
        sleep(POLL_INTERVAL).await;
        let Ok(stored) = events.poll().await else { continue }; // the store reports its failures
        if auth.directory().developer(&dev_id).is_none_or(|developer| developer.destination.is_some()) {
            continue;
        }
        for event in &stored {
            let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
            print(ui, &payload, || undelivered(event, &payload), || undelivered_json(event, &payload));
        }
    }
}

/// How often the log looks for new events.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

fn undelivered(event: &EventRecord, payload: &Value) -> String {
    let style = AnsiColor::Cyan.on_default();
    format!("{} {style}not sent: no destination{style:#}", start(event.created_at, &event.kind, payload))
}

fn undelivered_json(event: &EventRecord, payload: &Value) -> Value {
    json!({
        "at": event.created_at,
        "event_id": event.event_id,
        "type": event.kind,
        "result": "no destination",
        "status": null,
        "took_ms": 0,
        "payload": payload,
    })
}

/// Prints one line, or JSON, and the payload with `--verbose`. The reader may have closed the pipe; the server continues.
fn print(ui: Ui, payload: &Value, plain: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
    let text = match (ui.output.is_json(), ui.verbose) {
        (true, _) => json().to_string(),
        (false, false) => plain(),
        (false, true) => format!("{}\n{}", plain(), pretty(payload)),
    };
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Such as `22:51:24  auth  FITBIT user_1  → [200] 12 ms`.
fn plain(attempt: &Attempt<'_>, payload: &Value) -> String {
    let (style, result) = outcome(attempt);
    let start = start(attempt.delivery.created_at, &attempt.delivery.kind, payload);
    format!("{start} {style}{result}{style:#}")
}

/// The time, type and subject of an event.
fn start(created_at: Timestamp, kind: &str, payload: &Value) -> String {
    let (bold, at, kind) = (Style::new().bold(), time(created_at), shown(kind));
    format!("{at}  {bold}{kind:<16}{bold:#} {:<28}", subject(payload))
}

/// The provider and the end user of an event, if it names them.
fn subject(payload: &Value) -> String {
    let user = ["user", "new_user"].iter().find_map(|name| payload[*name].as_object());
    let field = |name: &str| user.and_then(|user| user.get(name)?.as_str()).or_else(|| payload[name].as_str());
    let whose = field("reference_id").or_else(|| field("user_id"));
    shown(&[field("provider"), whose].into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn outcome(attempt: &Attempt<'_>) -> (Style, String) {
    let color = |color: AnsiColor| color.on_default();
    let took = attempt.took.as_millis();
    let why = |reason: &DeliveryError| match reason {
        DeliveryError::Status(status) => format!("[{status}] {took} ms"),
        other => format!("failed: {other}"),
    };
    match attempt.result {
        DeliveryResult::Delivered { status } => (color(AnsiColor::Green), format!("→ [{status}] {took} ms")),
        DeliveryResult::Failed { reason, retry_at } => {
            (color(AnsiColor::Yellow), format!("→ {}; next attempt at {}", why(reason), time(*retry_at)))
        }
        DeliveryResult::GaveUp { reason } => (color(AnsiColor::Red), format!("→ {}; given up", why(reason))),
    }
}

fn pretty(payload: &Value) -> String {
    let text = serde_json::to_string_pretty(payload).unwrap_or_default();
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn json(attempt: &Attempt<'_>, payload: &Value) -> Value {
    let result = match attempt.result {
        DeliveryResult::Delivered { status } => format!("delivered, {status}"),
        DeliveryResult::Failed { reason, retry_at } => format!("failed: {reason}; next try at {}", time(*retry_at)),
        DeliveryResult::GaveUp { reason } => format!("given up: {reason}"),
    };
    let status = match attempt.result {
        DeliveryResult::Delivered { status }
        | DeliveryResult::Failed { reason: DeliveryError::Status(status), .. }
        | DeliveryResult::GaveUp { reason: DeliveryError::Status(status) } => Some(status),
        _ => None,
    };
    json!({
        "at": attempt.delivery.created_at,
        "event_id": attempt.delivery.event_id,
        "type": attempt.delivery.kind,
        "result": result,
        "status": status,
        "took_ms": u64::try_from(attempt.took.as_millis()).ok(),
        "payload": payload,
    })
}

/// In UTC, like all of the server's output.
fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use terra_auth_delivery::{Attempt, DeliveryError, DeliveryResult};
    use terra_auth_model::delivery::Delivery;
    use terra_auth_types::{DestinationId, EventId};

    use super::plain;

    fn line(result: &DeliveryResult) -> String {
        let delivery = Delivery {
            event_id: EventId(uuid::Uuid::nil()),
            destination_id: DestinationId(uuid::Uuid::nil()),
            dev_id: "acme-testing-0000000000".parse().unwrap(),
            kind: "auth".to_owned(),
            payload: json!({ "user": { "provider": "FITBIT", "reference_id": "user_1\u{1b}" } }).to_string(),
            created_at: "2030-01-01T22:51:24Z".parse().unwrap(),
            attempts: 1,
            next_attempt_at: "2030-01-01T22:51:24Z".parse().unwrap(),
        };
        let attempt = Attempt { delivery: &delivery, result, took: Duration::from_millis(12) };
        let text = plain(&attempt, &serde_json::from_str(&delivery.payload).unwrap());
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn an_event_is_one_line_with_its_delivery_result() {
        let end = "2030-01-01T22:51:34Z".parse().unwrap();
        let start = format!("22:51:24  auth             {:<28} ", "FITBIT user_1\u{fffd}");
        for (result, expected) in [
            (DeliveryResult::Delivered { status: 200 }, "→ [200] 12 ms"),
            (
                DeliveryResult::Failed { reason: DeliveryError::Status(500), retry_at: end },
                "→ [500] 12 ms; next attempt at 22:51:34",
            ),
            (
                DeliveryResult::GaveUp { reason: DeliveryError::Timeout },
                "→ failed: the destination did not respond in time; given up",
            ),
        ] {
            assert_eq!(line(&result), format!("{start}{expected}"));
        }
    }
}
