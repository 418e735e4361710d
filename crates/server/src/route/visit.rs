//! Loads the widget session of a request, and renders its page.

use axum::{
    extract::{FromRequestParts, Path},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{ACCEPT_LANGUAGE, CACHE_CONTROL, LOCATION, REFERRER_POLICY, RETRY_AFTER},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use terra_auth_core::{
    Auth,
    login::open_session::{OpenSession, SessionValidity},
};
use terra_auth_http::TraceContext;
use terra_auth_model::{causes::Causes, store_error::StoreError, widget_session::SessionState};
use terra_auth_types::{Provider, SessionId};
use url::Url;

use crate::{
    error::ApiError,
    widget::{Brand, Failed, Failure, Frame, Language, Link, Page, page_response},
};

/// The open session of the path. For any other session, the error is its page.
pub(crate) struct Visit {
    pub(crate) open: OpenSession,
    language: Language,
    /// Whether an end user probably opened the link. Previews, prefetches and `HEAD` do not count.
    pub(crate) is_followed: bool,
}

#[derive(Deserialize)]
struct SessionPath {
    session_id: String,
    secret: String,
}

impl FromRequestParts<Auth> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Response> {
        let accepted = accept_language(&parts.headers).map(ToOwned::to_owned);
        let anonymous = || AnonymousPage(Language::negotiate(None, accepted.as_deref()));
        let Ok(Path(path)) = Path::<SessionPath>::from_request_parts(parts, auth).await else {
            return Err(anonymous().failed(StatusCode::NOT_FOUND, Failure::UnknownSession));
        };
        let Ok(session_id) = path.session_id.parse::<SessionId>() else {
            return Err(anonymous().failed(StatusCode::NOT_FOUND, Failure::UnknownSession));
        };
        match auth.open_session(session_id, &path.secret).await {
            Ok(Some(open)) => {
                let visit = Self::of(auth, open, accepted.as_deref())?;
                Ok(Self { is_followed: parts.method != Method::HEAD && !is_prefetch(&parts.headers), ..visit })
            }
            Ok(None) => Err(anonymous().failed(StatusCode::NOT_FOUND, Failure::UnknownSession)),
            Err(error) => Err(anonymous().internal(&error)),
        }
    }
}

impl Visit {
    pub(crate) fn new(open: OpenSession, accepted: Option<&str>) -> Self {
        let language = Language::negotiate(open.session.request.language.as_deref(), accepted);
        Self { open, language, is_followed: true }
    }

    #[expect(clippy::result_large_err, reason = "the error is the response, moved once")]
    fn of(auth: &Auth, open: OpenSession, accepted: Option<&str>) -> Result<Self, Response> {
        let visit = Self::new(open, accepted);
        match visit.open.validity(auth.clock().now()) {
            SessionValidity::Open => Ok(visit),
            SessionValidity::Expired => Err(visit.ended(Failure::Expired, "session_expired")),
            SessionValidity::Used if visit.open.session.state == SessionState::Cancelled => {
                Err(visit.ended(Failure::Cancelled, "user_cancelled"))
            }
            SessionValidity::Used => Err(visit.ended(Failure::AlreadyUsed, "session_used")),
        }
    }

    pub(crate) fn frame(&self) -> Frame {
        let developer = &self.open.developer;
        let accent = developer.accent.as_ref().and_then(|accent| accent.parse().ok());
        let brand =
            Brand { name: developer.display_name().map(str::to_owned), logo_url: developer.logo_url.clone(), accent };
        Frame { language: self.language, brand: Some(brand) }
    }

    pub(crate) fn link(&self, rest: &str) -> Link {
        Link::path(format!("{}{rest}", self.open.path()))
    }

    pub(crate) fn connect_link(&self, provider: &Provider) -> Link {
        self.link(&format!("/connect/{}", provider.slug()))
    }

    /// The page of a session that is over. It may have a link back to the app.
    pub(crate) fn ended(&self, failure: Failure, reason: &str) -> Response {
        let back = self.open.return_target(None, reason).url;
        self.failed(StatusCode::GONE, failure, None, back.as_ref())
    }

    pub(crate) fn failed(
        &self,
        status: StatusCode,
        failure: Failure,
        retry: Option<Link>,
        back: Option<&Url>,
    ) -> Response {
        let return_to_app = back.and_then(Link::external);
        show(status, &Failed { frame: self.frame(), failure, try_again: retry, return_to_app })
    }

    /// The page of a login that returned twice, without any other information.
    pub(crate) fn unfinished(&self) -> Response {
        let failure = internal_failure();
        self.failed(StatusCode::SERVICE_UNAVAILABLE, failure, Some(self.link("")), None)
    }

    pub(crate) fn internal(&self, error: &(dyn std::error::Error + 'static)) -> Response {
        log(error);
        with_delay(self.failed(status_of(error), internal_failure(), Some(self.link("")), None))
    }
}

/// Whether a browser declares the request a prefetch.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let mut purposes =
        ["sec-purpose", "purpose", "x-moz", "x-purpose"].into_iter().filter_map(|name| headers.get(name));
    purposes.any(|value| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        ["prefetch", "prerender", "preview"].iter().any(|word| text.contains(word))
    })
}

/// A request without a known session.
pub(crate) struct AnonymousPage(pub(crate) Language);

impl AnonymousPage {
    pub(crate) fn failed(&self, status: StatusCode, failure: Failure) -> Response {
        let frame = Frame { language: self.0, brand: None };
        show(status, &Failed { frame, failure, try_again: None, return_to_app: None })
    }

    pub(crate) fn internal(&self, error: &(dyn std::error::Error + 'static)) -> Response {
        log(error);
        with_delay(self.failed(status_of(error), internal_failure()))
    }
}

/// The page of an internal error, with the trace id for a message to support.
pub(crate) fn internal_failure() -> Failure {
    Failure::Internal { trace: TraceContext::current().map(|context| context.trace_id.simple().to_string()) }
}

/// The page of a store that is temporarily unavailable: 503 with `Retry-After`.
fn status_of(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    let is_transient = error.downcast_ref::<StoreError>().is_some_and(StoreError::is_transient);
    if is_transient { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR }
}

fn with_delay(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

pub(crate) fn show<P: Page>(status: StatusCode, page: &P) -> Response {
    page_response(status, page).unwrap_or_else(|error| ApiError::internal(error).into_response())
}

pub(crate) fn see(url: &str, mut headers: HeaderMap) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "could not write the redirect URL").into_response();
    };
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    (StatusCode::SEE_OTHER, headers).into_response()
}

pub(crate) fn accept_language(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = %Causes(error), "could not render a widget page");
}

/// The display name of a provider.
pub(crate) fn name_of(auth: &Auth, provider: &Provider) -> String {
    let list = auth.providers().list();
    let info = list.iter().find(|info| info.provider == *provider);
    info.map_or_else(|| provider.to_string(), |info| info.name.clone())
}
