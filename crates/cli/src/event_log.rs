//! The live event log of `dev`: each webhook as it happens, and where it went.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, tz::TimeZone};
use terra_auth_outbound::{Attempt, DeliveryResult, Observer};

use crate::ui::Output;

/// Prints deliveries to standard output, one line each, the payload below it when it was not sent anywhere.
pub(crate) struct EventLog(pub(crate) Output);

impl Observer for EventLog {
    fn attempted(&self, attempt: &Attempt<'_>) {
        let text = match self.0 {
            Output::Plain => plain(attempt),
            Output::Json => json(attempt),
        };
        // Whoever reads may have gone away; deliveries go on.
        let _ = writeln!(anstream::stdout(), "{text}");
    }
}

fn plain(attempt: &Attempt<'_>) -> String {
    let delivery = attempt.delivery;
    let (style, result) = result(attempt.result);
    let bold = Style::new().bold();
    let kind = &delivery.kind;
    let line = format!(
        "{}  {bold}{kind:<15}{bold:#} {style}{result}{style:#}  {}",
        time(delivery.created_at),
        delivery.delivery_id
    );
    match attempt.result {
        DeliveryResult::Unsent => format!("{line}\n          {}", delivery.payload),
        _ => line,
    }
}

fn result(result: &DeliveryResult) -> (Style, String) {
    let color = |color: AnsiColor| color.on_default();
    match result {
        DeliveryResult::Unsent => (color(AnsiColor::Cyan), "no destination".to_owned()),
        DeliveryResult::Delivered { status } => (color(AnsiColor::Green), format!("delivered, {status}")),
        DeliveryResult::Failed { reason, retry_at } => {
            (color(AnsiColor::Yellow), format!("failed: {reason}; next try at {}", time(*retry_at)))
        }
        DeliveryResult::GaveUp { reason } => (color(AnsiColor::Red), format!("given up: {reason}")),
    }
}

fn json(attempt: &Attempt<'_>) -> String {
    let payload: serde_json::Value = serde_json::from_str(&attempt.delivery.payload).unwrap_or_default();
    serde_json::json!({
        "at": attempt.delivery.created_at,
        "delivery_id": attempt.delivery.delivery_id,
        "type": attempt.delivery.kind,
        "result": result(attempt.result).1,
        "payload": payload,
    })
    .to_string()
}

fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%SZ").to_string()
}
