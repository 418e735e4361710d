use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::ACCEPT};
use serde::Deserialize;
use terra_auth_egress::{Bounds, Http, HttpError};
use url::Url;

use super::key_set::KeySet;
use crate::login::jwt::Issuer;

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), size_bytes: 256 * 1024 };

/// The source of an issuer's keys.
pub(crate) enum JwksSource {
    /// This URL.
    At(Url),
    /// The `jwks_uri` in the issuer's discovery document, which is fetched each time because it may
    /// change.
    DiscoveredBy(Issuer),
}

/// The reason why a fetch failed. The issuer's documents are public, so a part of them may be
/// shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the issuer cannot be reached")]
    Call(#[from] HttpError),
    #[error("the issuer answered {0}")]
    Status(u16),
    #[error("the issuer redirects to {0}, which is not followed")]
    Redirect(String),
    #[error("the issuer's name is not a URL")]
    NoUrl,
    #[error("the issuer's response is not a valid document")]
    Unreadable(#[from] serde_json::Error),
    #[error("the issuer publishes more than 64 keys")]
    TooManyKeys,
    #[error("the issuer's discovery document names another issuer, {0:?}")]
    OtherIssuer(String),
    #[error("the issuer's discovery document names the key URL {0}, which is not https")]
    NotHttps(Url),
}

#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: Url,
}

/// Fetches the keys.
pub(super) async fn fetch(http: &Http, place: &JwksSource) -> Result<KeySet, FetchError> {
    let body = match place {
        JwksSource::At(url) => get(http, url).await?,
        JwksSource::DiscoveredBy(issuer) => get(http, &discover(http, issuer).await?).await?,
    };
    KeySet::read(&body)
}

/// Source: `OpenID` Connect Discovery 1.0, sections 4 and 7.2 (the `issuer` in the document must be
/// the requested one).
async fn discover(http: &Http, issuer: &Issuer) -> Result<Url, FetchError> {
    let description: Description =
        serde_json::from_slice(&get(http, &issuer.discovery_url().ok_or(FetchError::NoUrl)?).await?)?;
    if !issuer.is_described_as(&description.issuer) {
        return Err(FetchError::OtherIssuer(description.issuer));
    }
    if !issuer.may_publish_at(&description.jwks_uri) {
        return Err(FetchError::NotHttps(description.jwks_uri));
    }
    Ok(description.jwks_uri)
}

async fn get(http: &Http, url: &Url) -> Result<Vec<u8>, FetchError> {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let answer = http.get(url, headers, BOUNDS).await?;
    match (answer.status, answer.redirect_target(url)) {
        (200, _) => Ok(answer.body),
        (_, Some(target)) => Err(FetchError::Redirect(target)),
        (status, None) => Err(FetchError::Status(status)),
    }
}
