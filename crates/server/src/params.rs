//! Extractors for parameters and bodies. They accept every form that official clients send, and limit its size.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use terra_auth_http::BodyError;

use crate::error::ApiError;

/// The maximum size of a request's body.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a client may take to send a body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The parameters of a POST, from the query and the JSON body. The body takes precedence.
///
/// Official clients send an empty body with a JSON content type, explicit nulls, unknown fields, and every parameter in
/// the query; all of these are accepted.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let mut merged = query_of(&parts)?;
        let bytes = read_body(body).await?;
        if !bytes.is_empty() {
            require_json(&parts.headers)?;
            let body: Map<String, Value> = from_json(&bytes)?;
            merged.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
        }
        from_map(merged).map(Self)
    }
}

/// The parameters of a query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let merged = query_of(parts)?;
        from_map(merged).map(Self)
    }
}

/// The parameters of a path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0)).map_err(|error| ApiError::not_found(error.body_text()))
    }
}

/// A required JSON object. An array is rejected, which `serde` would read field by field.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = required_json(request).await?;
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(ApiError::bad_request("the JSON body cannot be read: it is not an object"));
        }
        from_json(&bytes).map(Self)
    }
}

/// A required JSON array.
pub(crate) struct JsonArray<T>(pub(crate) Vec<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonArray<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        from_json(&required_json(request).await?).map(Self)
    }
}

async fn required_json(request: Request) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(body).await?;
    require_json(&parts.headers)?;
    Ok(bytes)
}

/// Reads parameters. An error starts with the name of the invalid one.
fn from_map<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| {
        let (name, reason) = (error.path().to_string(), error.inner());
        ApiError::bad_request(if name == "." { reason.to_string() } else { format!("invalid {name}: {reason}") })
    })
}

fn query_of(parts: &Parts) -> Result<Map<String, Value>, ApiError> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let pairs = query.map_err(|_| ApiError::bad_request("the query string cannot be read"))?.0;
    Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    Err(ApiError::bad_request("the body is not declared as JSON; send Content-Type: application/json"))
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::bad_request(format!("the JSON body cannot be read: {error}")))
}

/// A body up to this size is read before the request is authenticated.
const SMALL_BODY_BYTES: u64 = 16 << 10;

/// Reads a small body at once. Otherwise an early error response would leave it unread, and hyper closes a connection with
/// an unread body, which loses the client's next request. Returns whether a body remains to be read.
pub(crate) async fn settle_body(request: Request) -> Result<(Request, bool), ApiError> {
    let size = request.body().size_hint();
    if request.body().is_end_stream() || size.exact().is_none_or(|bytes| bytes > SMALL_BODY_BYTES) {
        let unread = !request.body().is_end_stream();
        return Ok((request, unread));
    }
    let (parts, body) = request.into_parts();
    let bytes = read_body(body).await?;
    Ok((Request::from_parts(parts, Body::from(bytes)), false))
}

async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    terra_auth_http::read_body(body, MAX_BODY_BYTES, BODY_TIMEOUT).await.map_err(|error| match error {
        BodyError::TimedOut => body_timeout(),
        BodyError::TooLarge => body_too_large(),
        BodyError::Incomplete => ApiError::bad_request(error),
    })
}

pub(crate) fn body_timeout() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 10 s")
}

pub(crate) fn body_too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB")
}
