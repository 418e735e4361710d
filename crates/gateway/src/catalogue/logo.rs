use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use terra_auth::Credentials;
use terra_auth_egress::{AddressPolicy, Bounds, Http, HttpAnswer, HttpError, Proxies, SetupError};
use terra_auth_model::{causes::Causes, clock::Clock};
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};
use url::{Origin, Url};

use super::since;

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(5), size_bytes: 256 * 1024 };
const LOGO_TTL: SignedDuration = SignedDuration::from_hours(24);
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Concurrent fetches, for all callers together.
const MAX_ASKED: usize = 16;
const CONTENT_TYPES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/svg+xml", "image/gif"];

/// The logo of a provider.
pub(crate) struct Logo {
    /// One of [`CONTENT_TYPES`], without parameters.
    pub(crate) content_type: &'static str,
    /// A digest of the bytes, in quotes.
    pub(crate) etag: HeaderValue,
    pub(crate) bytes: Bytes,
}

/// Fetches logos from the URLs that the upstream names, and caches them.
pub(super) struct LogoCache {
    public: Http,
    /// For logos on the origins of the API and of its widget. The operator configured these, so
    /// private and loopback addresses are allowed.
    own: Http,
    own_origins: [Origin; 2],
    pub(super) places: Semaphore,
    clock: Arc<dyn Clock>,
}

/// The URL of a logo, and the result of its last fetch.
pub(super) struct CachedLogo {
    pub(super) url: Url,
    found: Mutex<Option<LogoResponse>>,
}

struct LogoResponse {
    at: Timestamp,
    picture: Option<Arc<Logo>>,
}

/// The reason why a logo cannot be shown.
#[derive(Debug, thiserror::Error)]
enum LogoError {
    #[error("too many logos are being fetched")]
    Busy,
    #[error("the logo cannot be fetched")]
    Http(#[from] HttpError),
    #[error("the logo's server answered {0}")]
    Status(u16),
    #[error("the response is not an image")]
    NoPicture,
}

impl LogoCache {
    pub(super) fn new(credentials: &Credentials, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        Ok(Self {
            public: Http::new(AddressPolicy::Public, Proxies::None)?,
            own: Http::new(AddressPolicy::AllowPrivate, Proxies::None)?,
            own_origins: [credentials.api_url.origin(), credentials.widget_url.origin()],
            places: Semaphore::new(MAX_ASKED),
            clock,
        })
    }

    /// Returns the logo at `slot`. One caller fetches it while the others wait. A missing logo is
    /// cached for a minute.
    pub(super) async fn of(&self, slot: &CachedLogo) -> Option<Arc<Logo>> {
        let mut found = slot.found.lock().await;
        if let Some(found) = found.as_ref().filter(|found| found.is_fresh(self.clock.now())) {
            return found.picture.clone();
        }
        let picture = self.fetch(&slot.url).await;
        if let Err(error) = &picture {
            tracing::warn!(host = slot.url.host_str(), error = %Causes(error), "could not fetch a provider's logo");
        }
        let picture = picture.ok().map(Arc::new);
        *found = Some(LogoResponse { at: self.clock.now(), picture: picture.clone() });
        picture
    }

    async fn fetch(&self, url: &Url) -> Result<Logo, LogoError> {
        let _place = timeout(BOUNDS.timeout, self.places.acquire()).await.map_err(|_| LogoError::Busy)?;
        let http = if self.own_origins.contains(&url.origin()) { &self.own } else { &self.public };
        let accept = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("image/*"))]);
        Logo::read(http.get(url, accept, BOUNDS).await?)
    }
}

impl Logo {
    fn read(answer: HttpAnswer) -> Result<Self, LogoError> {
        if answer.status != 200 {
            return Err(LogoError::Status(answer.status));
        }
        let content_type = content_type(&answer.headers).ok_or(LogoError::NoPicture)?;
        let digest = hex::encode(&Sha256::digest(&answer.body)[..16]);
        let etag = HeaderValue::try_from(format!("\"{digest}\"")).map_err(|_| LogoError::NoPicture)?;
        Ok(Self { content_type, etag, bytes: answer.body.into() })
    }
}

fn content_type(headers: &HeaderMap) -> Option<&'static str> {
    let said = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = said.split(';').next()?.trim();
    CONTENT_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(essence))
}

impl CachedLogo {
    pub(super) fn new(url: Url) -> Self {
        Self { url, found: Mutex::default() }
    }
}

impl LogoResponse {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let lasts = if self.picture.is_some() { LOGO_TTL } else { ASK_AGAIN_AFTER };
        since(self.at, now) < lasts
    }
}
