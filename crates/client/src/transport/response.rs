use std::fmt;

use bytes::Bytes;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, LOCATION},
};
use serde::Deserialize;
use terra_auth_types::wire::Status;
use url::Url;

use super::host;

/// A complete response that is not an error.
pub(super) struct RawResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Reads the complete body. Returns `None` if it is longer than `longest` bytes after decompression.
pub(super) async fn read_body(response: &mut Response, longest: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.into()))
}

/// Whether the body reports an error. By the published contract, some calls can fail with status 200.
pub(super) fn reports_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Verdict {
        status: Status,
    }
    let word = b"\"error\"";
    let may_say = body.windows(word.len()).any(|part| part == word); // avoids parsing most bodies twice
    may_say && serde_json::from_slice::<Verdict>(body).is_ok_and(|verdict| verdict.status == Status::Error)
}

/// Describes why a body is not the expected JSON, without its values, because one may be a token.
pub(super) fn describe_parse_error(error: &serde_json::Error, headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("an unknown content type");
    if error.is_data() {
        format!("unexpected JSON at line {}, column {}", error.line(), error.column())
    } else {
        format!("not JSON but {kind}")
    }
}

/// Describes a redirect. It names only the host, because the rest of the URL may be a secret.
pub(super) fn describe_redirect(status: StatusCode, headers: &HeaderMap) -> String {
    let target =
        headers.get(LOCATION).and_then(|target| target.to_str().ok()).and_then(|target| Url::parse(target).ok());
    let target = target.as_ref().map_or_else(|| "elsewhere".to_owned(), |url| format!("to {}", host(url)));
    format!("{} redirects {target}, which is not followed because the key would be sent along", status.as_u16())
}

/// A response with any status except a redirect.
#[derive(Clone, PartialEq, Eq)]
pub struct RawCallResponse {
    /// The HTTP status.
    pub status: u16,
    /// The trace id of the call, if the response has one.
    pub trace_id: Option<String>,
    /// The body. It may contain a secret.
    pub body: Vec<u8>,
}

impl fmt::Debug for RawCallResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, trace_id, .. } = self;
        f.debug_struct("RawAnswer").field("status", status).field("trace_id", trace_id).finish_non_exhaustive()
    }
}
