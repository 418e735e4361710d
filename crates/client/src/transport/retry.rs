//! The rules for retries and their delays.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Call;
use crate::Error;

/// The delay before the first retry. It doubles each time, and a random delay of up to the same length is added.
pub(super) const INITIAL_BACKOFF: Duration = Duration::from_millis(200);

/// The longest `Retry-After` that is honored. A longer one is left to the caller.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Whether a retry of `call` is safe and can succeed.
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

/// Returns the server's delay or our own, whichever is longer. `None` stops the retries.
pub(super) fn retry_delay(error: &Error, ours: Option<Duration>) -> Option<Duration> {
    let theirs = error.api_problem().and_then(|refusal| refusal.retry_after).unwrap_or_default();
    ours.map(|ours| ours.max(theirs)).filter(|_| theirs <= MAX_RETRY_AFTER)
}

/// Parses `Retry-After`: seconds or a date.
///
/// Source: RFC 9110, section 10.2.3.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let until = rfc2822::parse(text).ok()?.timestamp().duration_since(now);
        Some(Duration::try_from(until).unwrap_or_default()) // a date in the past means now
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, RETRY_AFTER};

    use super::retry_after;

    #[test]
    fn a_delay_is_parsed_from_seconds_or_a_date() {
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
