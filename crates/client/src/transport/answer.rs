use bytes::Bytes;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, LOCATION},
};
use serde::Deserialize;
use terra_auth_types::wire::Status;
use url::Url;

use super::host;

/// A whole answer that is no refusal.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The whole body, or `None` if it is longer than `longest` bytes once unpacked.
pub(super) async fn body(response: &mut Response, longest: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.into()))
}

/// Some calls are published as able to fail with status 200.
pub(super) fn says_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Verdict {
        status: Status,
    }
    let word = b"\"error\"";
    let may_say = body.windows(word.len()).any(|part| part == word); // most bodies do not, and need no second reading
    may_say && serde_json::from_slice::<Verdict>(body).is_ok_and(|verdict| verdict.status == Status::Error)
}

/// Why a body is no such JSON. The values stay out: one may be a token.
pub(super) fn misread(error: &serde_json::Error, headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("of no declared type");
    if error.is_data() {
        format!("JSON of another shape at line {}, column {}", error.line(), error.column())
    } else {
        format!("not JSON but {kind}")
    }
}

/// Where an answer points that sends the caller elsewhere. Only the host: the rest may be a secret.
pub(super) fn redirected(status: StatusCode, headers: &HeaderMap) -> String {
    let target =
        headers.get(LOCATION).and_then(|target| target.to_str().ok()).and_then(|target| Url::parse(target).ok());
    let target = target.as_ref().map_or_else(|| "elsewhere".to_owned(), |url| format!("to {}", host(url)));
    format!("{} redirects {target}, which is not followed because the key would travel along", status.as_u16())
}
