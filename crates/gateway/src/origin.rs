//! Allowed origins (CORS).

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use terra_auth_types::{log_limit::LogLimit, redirect::is_executable_scheme};
use url::Url;

use crate::{csrf, setup::SetupError};

/// Reads `cors.allowed_origins`.
pub(crate) fn allowed(origins: &[String]) -> Result<Vec<HeaderValue>, SetupError> {
    origins.iter().map(|text| read(text)).collect()
}

/// An origin as browsers send it. Pages inside an app have the app's scheme, such as `capacitor://localhost`.
///
/// Source: RFC 6454, section 6.2.
fn read(text: &str) -> Result<HeaderValue, SetupError> {
    let problem = || {
        let shape = "write scheme, host and port only, such as https://app.example or capacitor://localhost";
        SetupError::invalid("cors.allowed_origins", format!("{text:?} is no origin; {shape}"))
    };
    let url: Url = text.parse().map_err(|_| problem())?;
    let origin = serialized(&url).filter(|origin| origin == text.trim_end_matches('/')).ok_or_else(problem)?;
    if origin.contains('*') {
        let problem = format!("{text:?}: patterns are not supported; list each origin");
        return Err(SetupError::invalid("cors.allowed_origins", problem));
    }
    HeaderValue::from_str(&origin).map_err(|_| problem())
}

/// Logs that an origin is not allowed, with the fix; the browser's message has none.
pub(crate) fn log_refused(origin: &HeaderValue, headers: &HeaderMap) {
    static LIMIT: LogLimit = LogLimit::every(Duration::from_secs(10));
    const MAX_BYTES: usize = 200;
    let Some(origin) = origin.to_str().ok().filter(|text| text.len() <= MAX_BYTES && read(text).is_ok()) else {
        return;
    };
    let is_own = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => csrf::is_own(origin, headers.get("host")),
    };
    let Some(left_out) = (!is_own).then(|| LIMIT.admit(Instant::now())).flatten() else { return };
    tracing::warn!(
        origin,
        left_out,
        "rejected a request from a page of {origin}: if it is yours, add --allow-origin {origin}, or add it to cors.allowed_origins"
    );
}

fn serialized(url: &Url) -> Option<String> {
    if is_executable_scheme(url.scheme()) {
        return None; // browsers send "null" for these, and for every sandboxed page
    }
    let origin = url.origin();
    if origin.is_tuple() {
        return Some(origin.ascii_serialization());
    }
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn origins_of_the_web_and_of_apps_are_accepted_as_browsers_send_them() {
        for (text, expected) in [
            ("https://app.example", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://localhost", "https://localhost"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("app://localhost", "app://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            (
                "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
                "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh",
            ),
            ("app://-", "app://-"),
        ] {
            assert_eq!(allowed(&[text.to_owned()]).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn text_that_no_browser_sends_as_an_origin_is_rejected() {
        for text in [
            "",
            "null",
            "*",
            "https://*.app.example",
            "app.example",
            "https://app.example/path",
            "https://app.example?q",
            "https://user@app.example",
            "https://app.example:443",
            "capacitor://localhost/path",
            "capacitor://localhost?q",
            "capacitor://user@localhost",
            "capacitor:localhost",
            "capacitor://",
            "file:///index.html",
            "file://host",
            "javascript://app.example",
            "data:text/html,x",
        ] {
            assert!(allowed(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
