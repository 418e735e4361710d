use std::future::Future;

use reqwest::header::HeaderValue;
use tokio::task_local;

task_local! {
    static TRACEPARENT: HeaderValue;
}

/// Runs `work`, and sends `traceparent` with every call that a [`Client`](crate::Client) makes in it. It connects the
/// server's log entries with the caller's.
///
/// `traceparent` is the header's value, `00-<32 hex digits>-<16 hex digits>-01`.
///
/// Source: W3C Trace Context.
pub async fn traced<T>(traceparent: HeaderValue, work: impl Future<Output = T>) -> T {
    TRACEPARENT.scope(traceparent, work).await
}

/// Returns the `traceparent` header for the current call.
pub(crate) fn traceparent() -> Option<HeaderValue> {
    TRACEPARENT.try_with(Clone::clone).ok()
}
