//! When a call is sent again, and after how long.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Call;
use crate::Error;

/// The wait before the first repeat, doubled each time, with as much chance added.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A server that asks for more patience gets none: the caller decides.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Whether sending `call` again can do no harm, and some good.
pub(super) fn is_safe(call: &Call, error: &Error) -> bool {
    match error {
        Error::Network { source: None, .. } => true, // nothing was sent
        Error::Network { source: Some(source), .. } if source.is_connect() => true, // nor here
        Error::Network { source: Some(source), .. } => call.repeatable && !source.is_timeout(),
        Error::RateLimited(refusal) => call.repeatable || refusal.retry_after.is_some(),
        Error::Server(refusal) => match refusal.status {
            503 => call.repeatable || refusal.retry_after.is_some(),
            500 | 502 | 504 => call.repeatable,
            _ => false,
        },
        _ => false,
    }
}

/// The wait the server asked for, else our own; `None` gives up.
pub(super) fn wait(error: &Error, ours: Option<Duration>) -> Option<Duration> {
    let theirs = error.refusal().and_then(|refusal| refusal.retry_after).unwrap_or_default();
    ours.map(|ours| ours.max(theirs)).filter(|_| theirs <= LONGEST_WAIT)
}

/// Reads seconds or a date.
///
/// Source: RFC 9110, section 10.2.3.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let until = rfc2822::parse(text).ok()?.timestamp().duration_since(now);
        Some(Duration::try_from(until).unwrap_or_default()) // a date in the past is now
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, RETRY_AFTER};

    use super::retry_after;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
