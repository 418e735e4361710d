//! Who calls: the environment whose dev-id and API key a request carries.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use terra_auth_core::{Auth, developer::Developer};
use terra_auth_types::{ApiKey, DevId};

use crate::error::ApiError;

/// The environment whose `dev-id` and `x-api-key` headers these are. A route that needs keys asks for it.
pub(crate) struct Caller(pub(crate) Arc<Developer>);

impl FromRequestParts<Auth> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let pair = header_pair(&parts.headers)
            .ok_or_else(|| ApiError::unauthorized("dev-id or x-api-key headers are missing"))?;
        Ok(Self(auth.authenticate(pair.0, &pair.1)?))
    }
}

/// The same for the streaming tokens, where HTTP Basic stands for the headers too.
pub(crate) struct StreamingCaller(pub(crate) Arc<Developer>);

impl FromRequestParts<Auth> for StreamingCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let missing = || {
            ApiError::bad_request(
                "send the dev-id and x-api-key headers, or Authorization: Basic base64(dev-id:api-key)",
            )
        };
        let developer = if let Some((dev_id, api_key)) = header_pair(&parts.headers) {
            auth.authenticate(dev_id, &api_key)
        } else {
            let (dev_id, api_key) = basic(&parts.headers).ok_or_else(missing)?;
            auth.authenticate(&dev_id, &api_key)
        };
        developer.map(Self).map_err(ApiError::forbidden)
    }
}

/// The environment that a `dev-id` header names without proving it; good for public facts only.
pub(crate) struct Named(pub(crate) Option<Arc<Developer>>);

impl FromRequestParts<Auth> for Named {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Self::Rejection> {
        let dev_id = text(&parts.headers, "dev-id").and_then(|text| text.parse::<DevId>().ok());
        Ok(Self(dev_id.and_then(|dev_id| auth.directory.developer(&dev_id))))
    }
}

/// A mobile app, which knows its dev-id and holds a token in place of a key.
pub(crate) struct MobileApp {
    pub(crate) developer: Arc<Developer>,
    pub(crate) token: terra_auth_types::MobileToken,
}

impl FromRequestParts<Auth> for MobileApp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, ApiError> {
        let missing = || {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "send the dev-id header and the token as Authorization: Bearer <token>",
            )
        };
        let token = text(&parts.headers, header::AUTHORIZATION.as_str()).and_then(|text| after_scheme(text, "bearer"));
        let token = token.ok_or_else(missing)?.into();
        let Named(developer) = Named::from_request_parts(parts, auth).await.unwrap_or(Named(None));
        let developer = developer.ok_or(terra_auth_core::sdk_user::AuthenticateSdkUserError::InvalidToken)?;
        Ok(Self { developer, token })
    }
}

fn header_pair(headers: &HeaderMap) -> Option<(&str, ApiKey)> {
    Some((text(headers, "dev-id")?, ApiKey::from(text(headers, "x-api-key")?)))
}

fn basic(headers: &HeaderMap) -> Option<(String, ApiKey)> {
    let encoded = after_scheme(text(headers, header::AUTHORIZATION.as_str())?, "basic")?;
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (dev_id, api_key) = decoded.split_once(':')?;
    Some((dev_id.to_owned(), ApiKey::from(api_key)))
}

fn after_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = text.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}
