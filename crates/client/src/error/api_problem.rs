use std::{fmt, time::Duration};

use reqwest::{
    StatusCode,
    header::{HeaderMap, LINK},
};
use serde_json::Value;

use super::Error;

/// An error response of a server, from any of the four error bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiProblem {
    /// The HTTP status.
    pub status: u16,
    /// The server's message or, if there is none, the text of the status.
    pub message: String,
    /// The error code for programs, such as `environment_disabled`.
    pub code: Option<String>,
    /// The product that the error is about, such as one that the account has not enabled.
    pub product: Option<String>,
    /// The trace id of the call in the server's log.
    pub trace_id: Option<String>,
    /// The time to wait before a retry.
    pub retry_after: Option<Duration>,
    /// The unknown ids of `connected_uids`.
    pub invalid_user_ids: Vec<String>,
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.message)?;
        if !self.invalid_user_ids.is_empty() {
            write!(f, ": {}", self.invalid_user_ids.join(", "))?;
        }
        if let Some(product) = &self.product {
            write!(f, ", product {product}")?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, ", retry after {} s", wait.as_secs())?;
        }
        f.write_str(&trace(self.trace_id.as_deref()))
    }
}

pub(crate) fn trace(id: Option<&str>) -> String {
    id.map(|id| format!(" (trace id {id})")).unwrap_or_default()
}

/// Makes the server's text safe to show: one line, bounded, without the key.
pub(crate) struct Cleaner<'a> {
    pub(crate) secret: &'a str,
}

impl Cleaner<'_> {
    const MAX_TEXT_CHARS: usize = 500;

    pub(crate) fn clean(&self, text: &str) -> String {
        let text = text.replace(self.secret, "[redacted]");
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").chars().take(Self::MAX_TEXT_CHARS).collect()
    }

    pub(crate) fn header(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        headers.get(name)?.to_str().ok().map(|text| self.clean(text)).filter(|text| !text.is_empty())
    }
}

impl ApiProblem {
    /// 403: the account has not enabled the product of the call ([`ApiProblem::product`]). The keys are valid.
    pub const ENTITLEMENT_REQUIRED: &'static str = "entitlement_required";
    /// 403: the environment is disabled. The keys are valid.
    pub const ENVIRONMENT_DISABLED: &'static str = "environment_disabled";
    /// 503: the server cannot check the permissions of the keys now. They may be valid; retry later.
    pub const AUTHORIZATION_UNAVAILABLE: &'static str = "authorization_unavailable";

    /// The next step after a 403.
    pub(crate) fn after_forbidden(&self) -> &'static str {
        match self.code.as_deref() {
            Some(Self::ENTITLEMENT_REQUIRED) => {
                "the keys are valid: enable the product for this account, or ask Terra to enable it"
            }
            Some(Self::ENVIRONMENT_DISABLED) => "the keys are valid, but the environment is disabled",
            _ => "check that both keys belong to one environment, that it is active, and that the key allows this",
        }
    }

    /// The next step after a 5xx.
    pub(crate) fn after_failure(&self) -> &'static str {
        match self.code.as_deref() {
            Some(Self::AUTHORIZATION_UNAVAILABLE) => "it cannot check the keys now; retry later with the same keys",
            _ => "retry later, and report the trace id to its operator",
        }
    }

    /// Parses a problem, `{message}`, `{detail}`, HTML or plain text.
    ///
    /// Source: "Error bodies" in `docs/compatibility.md`.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], cleaner: &Cleaner<'_>) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| json[name].as_str().map(|text| cleaner.clean(text)).filter(|text| !text.is_empty());
        let message = ["detail", "message", "title", "error"].into_iter().find_map(text);
        let ids = json["invalid_user_ids"].as_array().into_iter().flatten();
        Self {
            status: status.as_u16(),
            message: message.or_else(|| prose(&json, body, cleaner)).unwrap_or_else(|| in_words(status)),
            code: text("code"),
            product: text("product"),
            trace_id: cleaner.header(headers, "x-terra-trace-id"),
            retry_after: None,
            invalid_user_ids: ids.filter_map(|id| id.as_str().map(|id| cleaner.clean(id))).collect(),
        }
    }

    /// Converts it to the error for its status.
    pub(crate) fn into_error(self, headers: &HeaderMap) -> Error {
        let refusal = Box::new(self);
        match refusal.status {
            400..=499 if refusal.is_user_limit() => Error::UserLimit(refusal),
            401 => Error::NotAuthenticated(refusal),
            403 => Error::Forbidden(refusal),
            404 | 405 => Error::NotFound(refusal),
            410 => Error::Gone { replacement: replacement(headers, &refusal.message), refusal },
            429 => Error::RateLimited(refusal),
            400..=499 => Error::InvalidInput(refusal),
            _ => Error::Server(refusal),
        }
    }

    /// This is our assumption: only the text is published, not the status or the body.
    fn is_user_limit(&self) -> bool {
        let says = |text: &str| text.to_ascii_lowercase().replace('_', " ").contains("user limit");
        says(&self.message) || self.code.as_deref().is_some_and(says)
    }
}

/// Returns the message of a body that is not a JSON object: plain text, or the title of a page.
fn prose(json: &Value, body: &[u8], cleaner: &Cleaner<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = match text.trim_start() {
        _ if json.is_object() || json.is_array() => return None,
        page if page.starts_with('<') => page.split_once("<title>")?.1.split_once("</title>")?.0.to_owned(),
        _ => json.as_str().map_or_else(|| text.clone().into_owned(), str::to_owned),
    };
    Some(cleaner.clean(&text)).filter(|text| !text.is_empty())
}

fn in_words(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("rejected without a reason").to_ascii_lowercase()
}

/// Returns the call to use instead: the `Link` to the successor or, without one, the first link in the message.
fn replacement(headers: &HeaderMap, message: &str) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let successor = links.filter(|link| link.contains("successor-version")).find_map(|link| {
        let (_, rest) = link.split_once('<')?;
        rest.split_once('>').map(|(url, _)| url)
    });
    let mentioned = || message.split_whitespace().find(|word| word.starts_with("https://"));
    successor.or_else(mentioned).map(|url| url.trim_end_matches(['.', ',', ';', ')']).to_owned())
}
