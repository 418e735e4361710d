use std::{fmt, time::Duration};

use reqwest::{
    StatusCode,
    header::{HeaderMap, LINK},
};
use serde_json::Value;

use super::Error;

/// What a server said when it refused, from whichever of the four error bodies it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The server's message, else the status in words.
    pub message: String,
    /// A name for programs, such as `environment_disabled`.
    pub code: Option<String>,
    /// The product that the refusal is about, such as the one that the account has not enabled.
    pub product: Option<String>,
    /// Names the call in the server's log.
    pub trace_id: Option<String>,
    /// How long to wait before asking again.
    pub retry_after: Option<Duration>,
    /// Which of `connected_uids` are unknown.
    pub invalid_user_ids: Vec<String>,
}

impl fmt::Display for Refusal {
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

/// What is left of the server's text once it is fit to be shown: one line, bounded, without the key.
pub(crate) struct Cleaner<'a> {
    pub(crate) secret: &'a str,
}

impl Cleaner<'_> {
    const LONGEST: usize = 500;

    pub(crate) fn clean(&self, text: &str) -> String {
        let text = text.replace(self.secret, "[redacted]");
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").chars().take(Self::LONGEST).collect()
    }

    pub(crate) fn header(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        headers.get(name)?.to_str().ok().map(|text| self.clean(text)).filter(|text| !text.is_empty())
    }
}

impl Refusal {
    /// 403: the account has not enabled the product ([`Refusal::product`]) that the call belongs to. The keys are right.
    pub const ENTITLEMENT_REQUIRED: &'static str = "entitlement_required";
    /// 403: the environment is disabled. The keys are right.
    pub const ENVIRONMENT_DISABLED: &'static str = "environment_disabled";
    /// 503: the server cannot check now what the keys may do. They may be right; ask again later.
    pub const AUTHORIZATION_UNAVAILABLE: &'static str = "authorization_unavailable";

    /// What the caller can do about a 403.
    pub(crate) fn after_forbidden(&self) -> &'static str {
        match self.code.as_deref() {
            Some(Self::ENTITLEMENT_REQUIRED) => {
                "the keys are right: enable the product for this account, or ask Terra to"
            }
            Some(Self::ENVIRONMENT_DISABLED) => "the keys are right: the environment is disabled",
            _ => "check that both keys are of one environment, and that it is active and may do this",
        }
    }

    /// What the caller can do about a 5xx.
    pub(crate) fn after_failure(&self) -> &'static str {
        match self.code.as_deref() {
            Some(Self::AUTHORIZATION_UNAVAILABLE) => {
                "it cannot check the keys now; try again later, with the same keys"
            }
            _ => "try again later, and quote the trace id to its operator",
        }
    }

    /// Reads a problem, `{message}`, `{detail}`, HTML or plain text.
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

    /// Sorts by what the caller can do.
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

    /// Nobody has published the status or the body, only the words: our reading.
    fn is_user_limit(&self) -> bool {
        let says = |text: &str| text.to_ascii_lowercase().replace('_', " ").contains("user limit");
        says(&self.message) || self.code.as_deref().is_some_and(says)
    }
}

/// A body that is no JSON object: plain text as it is, of a page its title.
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
    status.canonical_reason().unwrap_or("refused without a reason").to_ascii_lowercase()
}

/// The call to use instead: a `Link` to the successor, else the first link in the message.
fn replacement(headers: &HeaderMap, message: &str) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let successor = links.filter(|link| link.contains("successor-version")).find_map(|link| {
        let (_, rest) = link.split_once('<')?;
        rest.split_once('>').map(|(url, _)| url)
    });
    let mentioned = || message.split_whitespace().find(|word| word.starts_with("https://"));
    successor.or_else(mentioned).map(|url| url.trim_end_matches(['.', ',', ';', ')']).to_owned())
}
