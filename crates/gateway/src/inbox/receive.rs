use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use terra_auth_model::{
    received_event::{ForwardState, NewEvent, ReceivedEvent},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{EventId, UserId, wire::Event};

use crate::inbox::{Inbox, consequence::Consequence, text, whole_ms};

/// A webhook with a verified signature.
#[derive(Clone, Debug)]
pub struct Received {
    /// `X-Terra-Trace-Id`, unchanged: each chunk of a large event has its own. The caller bounds
    /// its length.
    pub trace_id: Option<String>,
    /// `terra-reference`, for display: many deliveries share one.
    pub reference: Option<String>,
    /// SHA-256 of the signed content. It detects a repeated delivery with another trace id, because
    /// the trace id is not signed.
    pub digest: [u8; 32],
    /// `X-Terra-Ordering-Timestamp`, unchanged: when the event happened.
    pub ordering: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Whether the event is to be forwarded to the app.
    pub forward: bool,
}

/// Whether the event was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event is recorded.
    Recorded(EventId),
    /// The event was recorded before; nothing changed.
    Duplicate,
}

/// The result of [`Inbox::receive`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The `type` of the event; empty if the body has none.
    pub kind: String,
    /// Whether the event was new.
    pub outcome: Outcome,
}

/// Longer than the name of any type.
const MAX_KIND: usize = 64;
/// How far the sender's clock may be ahead. Without the bound, a clock that is wrong by years would
/// suppress all later events.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

impl Inbox {
    /// Records an event and applies it to the known connections, in one unit of work. It is durable
    /// on return.
    ///
    /// A body that is not JSON, or does not match its type, is recorded and changes no connection.
    ///
    /// # Errors
    ///
    /// The store failed; the sender must retry.
    pub async fn receive(&self, received: Received) -> Result<Receipt, StoreError> {
        let forward = received.forward;
        let unit = self.receiving(received);
        let kind = unit.new.event.kind.clone();
        let outcome = self.0.store.run(unit).await?;
        if forward && outcome != Outcome::Duplicate {
            self.0.arrived.notify_one();
        }
        Ok(Receipt { kind, outcome })
    }

    fn receiving(&self, received: Received) -> Receive {
        let now = self.now();
        let ahead = now.saturating_add(MAX_AHEAD).unwrap_or(Timestamp::MAX);
        let (kind, told, user_id) = read(&received.body);
        let ordered_at = received.ordering.as_deref().and_then(ordering_timestamp);
        let at = ordered_at.map_or(now, |at| whole_ms(at.min(ahead)));
        let event = ReceivedEvent {
            event_id: EventId(self.0.entropy.id_at(now)),
            trace_id: received.trace_id,
            reference: received.reference,
            ordering: received.ordering,
            kind,
            user_id,
            body: received.body,
            received_at: now,
            state: if received.forward { ForwardState::Waiting } else { ForwardState::Kept },
            attempts: 0,
            next_attempt_at: now,
            problem: None,
        };
        let consequence = told.and_then(|told| self.consequence(&told, at));
        Receive { new: NewEvent { event, digest: received.digest }, consequence }
    }
}

/// An event without its `data`, which may be megabytes.
#[derive(Deserialize)]
struct EventHead {
    #[serde(default, rename = "data")]
    _data: IgnoredAny,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// Reads the type of an event, the event itself if it is about a connection, and its user id.
fn read(body: &[u8]) -> (String, Option<Event>, Option<UserId>) {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let Some(head) = serde_json::from_slice::<EventHead>(body).ok().filter(|_| is_object) else {
        return (String::new(), None, None);
    };
    let event = Value::Object(head.fields);
    let kind = text(event["type"].as_str().unwrap_or_default(), MAX_KIND);
    let user_id = event["user"]["user_id"].as_str().and_then(|id| id.parse().ok());
    let event = is_about_a_connection(&kind).then(|| parse(&kind, event)).flatten();
    let user_id = match &event {
        Some(Event::UserReauth(event)) => Some(event.new_user.user_id),
        _ => user_id,
    };
    (kind, event, user_id)
}

fn is_about_a_connection(kind: &str) -> bool {
    matches!(
        kind,
        "auth"
            | "auth_cancelled"
            | "deauth"
            | "user_reauth"
            | "access_revoked"
            | "permission_change"
            | "connection_error"
    )
}

fn parse(kind: &str, event: Value) -> Option<Event> {
    let event = Event::deserialize(event);
    if event.is_err() {
        tracing::warn!(kind, "recorded an event that does not match the schema of its type, {kind}"); // its body is personal data
    }
    event.ok()
}

struct Receive {
    new: NewEvent,
    consequence: Option<Consequence>,
}

#[async_trait]
impl Unit for Receive {
    type Done = Outcome;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Outcome, StoreError> {
        if !tx.add_received_event(&self.new).await? {
            return Ok(Outcome::Duplicate);
        }
        if let Some(consequence) = &self.consequence {
            consequence.apply(tx).await?;
        }
        Ok(Outcome::Recorded(self.new.event.event_id))
    }
}

/// Parses milliseconds since 1970, as Terra and our server send them. Seconds and RFC 3339 are
/// accepted too, because the published API description does not name the unit.
fn ordering_timestamp(text: &str) -> Option<Timestamp> {
    const MAX_UNIX_SECONDS: i64 = 100_000_000_000; // the year 5138; as milliseconds, 1973
    match text.parse::<i64>() {
        Ok(number) if number.abs() < MAX_UNIX_SECONDS => Timestamp::from_second(number).ok(),
        Ok(number) => Timestamp::from_millisecond(number).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::ordering_timestamp;

    #[test]
    fn an_ordering_timestamp_is_read_in_each_likely_form() {
        for text in ["1893456000", "1893456000000", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000+00:00"] {
            assert_eq!(ordering_timestamp(text).unwrap().as_second(), 1_893_456_000, "{text}");
        }
        assert_eq!(ordering_timestamp("yesterday"), None);
    }
}
