//! The callback of providers: redirects to the app, or shows the result.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde::Deserialize;
use terra_auth_core::{
    Auth,
    login::{
        open_session::{ReturnTarget, SessionValidity},
        reason::{AuthorizationResponse, Connected, FinishLoginError, LoginResult},
    },
};
use terra_auth_model::{
    login::ConnectFailure,
    provider::{Connects, ProviderInfo},
};
use terra_auth_types::Provider;

use crate::{
    params::Query,
    route::{
        flow_cookie, icon,
        visit::{AnonymousPage, Visit, accept_language, internal_failure, name_of, see, show},
    },
    widget::{self, Failure, Frame, Language, Link},
};

#[derive(Deserialize)]
pub(crate) struct ReturnParams {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
    scope: Option<String>,
}

impl ReturnParams {
    /// Whether the request has no parameter of a login. An empty parameter counts as absent.
    fn is_probe(&self) -> bool {
        let parts = [&self.state, &self.code, &self.error];
        parts.into_iter().flatten().all(String::is_empty)
    }
}

/// The callback of a provider. Only the sealed `state` is trusted.
///
/// When an operator saves an app, Withings sends `HEAD`, and `GET` without parameters, and expects 200. Neither consumes a
/// login: `HEAD` never finishes one, whatever its parameters.
pub(crate) async fn return_from_provider(
    State(auth): State<Auth>,
    Path(provider): Path<String>,
    Query(params): Query<ReturnParams>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let accepted = accept_language(&headers);
    let language = Language::negotiate(None, accepted);
    if method == Method::HEAD || params.is_probe() {
        return probed(&auth, &provider, language);
    }
    let anonymous = AnonymousPage(language);
    let Ok(flow) = auth.open_login_state(&provider, params.state.as_deref().unwrap_or_default()) else {
        return anonymous.failed(StatusCode::BAD_REQUEST, Failure::WrongBrowser);
    };
    let code = params.code.filter(|_| params.error.is_none());
    let answer = AuthorizationResponse {
        code: code.map(Into::into).ok_or_else(|| params.error.unwrap_or_else(|| "provider_error".to_owned())),
        iss: params.iss,
        scope: params.scope,
        cookie: flow_cookie::read(&headers, &flow),
    };
    let short_lived = answer.cookie.as_deref().map(|value| flow_cookie::end_soon(&auth, &flow, value));
    let mut response = match auth.finish_login(flow, answer).await {
        Ok(arrival) => arrive(&auth, arrival, accepted),
        Err(FinishLoginError::UnknownState | FinishLoginError::WrongBrowser) => {
            return anonymous.failed(StatusCode::BAD_REQUEST, Failure::WrongBrowser);
        }
        Err(FinishLoginError::Expired(open)) => Visit::new(*open, accepted).ended(Failure::Expired, "session_expired"),
        Err(FinishLoginError::Used(open)) => Visit::new(*open, accepted).ended(Failure::AlreadyUsed, "session_used"),
        Err(FinishLoginError::TooManyLogins(open)) => {
            Visit::new(*open, accepted).ended(Failure::Expired, "too_many_logins")
        }
        Err(FinishLoginError::Unfinished(open)) => Visit::new(*open, accepted).unfinished(),
        Err(FinishLoginError::Store(error)) => anonymous.internal(&error),
    };
    response.headers_mut().extend(short_lived.unwrap_or_default());
    response
}

/// The response is the same for every provider with a login here, whether or not it has an app.
fn probed(auth: &Auth, provider: &str, language: Language) -> Response {
    let is_meant = |info: &ProviderInfo| info.connects == Connects::ByLogin && info.provider.slug() == provider;
    if auth.providers().list().iter().any(is_meant) {
        return show(StatusCode::OK, &widget::Callback { frame: Frame { language, brand: None } });
    }
    AnonymousPage(language).failed(StatusCode::NOT_FOUND, Failure::UnknownSession)
}

fn arrive(auth: &Auth, arrival: LoginResult, accepted: Option<&str>) -> Response {
    let visit = Visit::new(arrival.open, accepted);
    match arrival.outcome {
        Ok(connected) => connected_page(auth, &visit, &arrival.provider, &connected),
        Err(failure) => failed_page(auth, &visit, &arrival.provider, &failure),
    }
}

fn connected_page(auth: &Auth, visit: &Visit, provider: &Provider, connected: &Connected) -> Response {
    match &connected.return_target {
        ReturnTarget { immediate: true, url: Some(url) } => see(url.as_str(), HeaderMap::new()),
        ReturnTarget { url, .. } => {
            let several = visit.open.session.request.multi_auth;
            let page = widget::Connected {
                frame: visit.frame(),
                provider: name_of(auth, provider),
                icon: Link::path(icon::path(provider)),
                left_out: connected.declined_scopes.clone(),
                connect_again: several.then(|| visit.connect_link(provider)),
                connect_another: several.then(|| visit.link("")),
                proceed: url.as_ref().and_then(Link::external),
            };
            show(StatusCode::OK, &page)
        }
    }
}

/// A failed login, before or after the redirect to the provider.
pub(crate) fn failed_page(auth: &Auth, visit: &Visit, provider: &Provider, failure: &ConnectFailure) -> Response {
    let way_back = visit.open.return_target_of_failure(provider, failure);
    if let ReturnTarget { immediate: true, url: Some(url) } = &way_back {
        return see(url.as_str(), HeaderMap::new());
    }
    let can_retry = visit.open.validity(auth.clock().now()) == SessionValidity::Open && may_help(failure);
    let retry = can_retry.then(|| visit.link(""));
    let (status, failure) = shown(failure, name_of(auth, provider));
    visit.failed(status, failure, retry, way_back.url.as_ref())
}

/// Whether another attempt of the same end user may succeed.
fn may_help(failure: &ConnectFailure) -> bool {
    use ConnectFailure::{AppRefused, HttpsRequired, ShutDown};
    !matches!(failure, AppRefused | HttpsRequired | ShutDown)
}

fn shown(failure: &ConnectFailure, provider: String) -> (StatusCode, Failure) {
    match failure {
        ConnectFailure::Denied => (StatusCode::OK, Failure::Denied { provider }),
        ConnectFailure::MissingScopes(scopes) => {
            (StatusCode::OK, Failure::LeftOut { provider, scopes: scopes.clone() })
        }
        ConnectFailure::UserLimit => (StatusCode::FORBIDDEN, Failure::CapReached),
        ConnectFailure::ShutDown => (StatusCode::GONE, Failure::NoProvider),
        ConnectFailure::AppRefused | ConnectFailure::HttpsRequired => (StatusCode::BAD_GATEWAY, internal_failure()),
        ConnectFailure::ProviderDown | ConnectFailure::Refused(_) => {
            (StatusCode::BAD_GATEWAY, Failure::ProviderDown { provider })
        }
    }
}
