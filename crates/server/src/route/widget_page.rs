//! The widget's pages: from a session's URL to the login at a provider, and back to the app.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use serde::Deserialize;
use terra_auth_core::{
    Auth,
    connection::DeauthenticateUserError,
    login::{
        begin::BeginLoginError,
        open_session::{Offer, ReturnTarget},
    },
};
use terra_auth_model::{causes::Causes, login::ConnectFailure, provider::Connects};
use terra_auth_types::Provider;

use crate::{
    error::ApiError,
    params::Query,
    route::{
        flow_cookie, icon,
        visit::{Visit, accept_language, name_of, see, show},
        widget_return::{failed_page, return_from_provider},
    },
    widget::{self, Banner, Exit, Failure, Frame, Language, Link, ProviderChoice},
};

pub(crate) fn routes() -> Router<Auth> {
    Router::new()
        .route("/session/demo/success", get(demo_success))
        .route("/session/{session_id}/{secret}", get(choose))
        .route("/session/{session_id}/{secret}/cancel", get(to_list).post(cancel))
        .route("/session/{session_id}/{secret}/connect/{provider}", get(connect))
        .route("/session/{session_id}/{secret}/disconnect/{provider}", get(ask_disconnect).post(disconnect))
        .route("/auth/{provider}/oauth2", get(return_from_provider))
}

#[derive(Deserialize)]
struct ChooseParams {
    #[serde(default)]
    q: String,
    disconnected: Option<String>,
    kept: Option<String>,
}

/// The list of providers. If there is only one, redirects to its login.
async fn choose(State(auth): State<Auth>, visit: Visit, Query(params): Query<ChooseParams>) -> Response {
    let offers = match auth.offers(&visit.open).await {
        Ok(offers) => offers,
        Err(error) => return visit.internal(&error),
    };
    let request = &visit.open.session.request;
    if let [only] = &offers[..]
        && only.info.connects == Connects::ByLogin
        && !(request.show_disconnect && only.connected.is_some())
    {
        return depart(&auth, &visit, &only.info.provider).await;
    }
    if offers.is_empty() {
        let back = visit.open.return_target(None, "no_provider").url;
        return visit.failed(StatusCode::NOT_FOUND, Failure::NoProvider, None, back.as_ref());
    }
    let name_of = |slug: Option<&str>| {
        let offer = offers.iter().find(|offer| slug == Some(offer.info.provider.slug().as_str()))?;
        Some(offer.info.name.clone())
    };
    let notice = name_of(params.disconnected.as_deref()).map(Banner::Disconnected);
    let page = widget::Choose {
        frame: visit.frame(),
        notice: notice.or_else(|| name_of(params.kept.as_deref()).map(Banner::StillConnected)),
        providers: offers.iter().map(|offer| choice(&visit, offer)).collect(),
        query: params.q,
        page: visit.link(""),
        exit: exit(&visit, &offers),
    };
    show(StatusCode::OK, &page)
}

/// After the first connection, the end user can continue but not cancel.
fn exit(visit: &Visit, offers: &[Offer]) -> Exit {
    if visit.open.session.request.multi_auth && offers.iter().any(|offer| offer.is_new) {
        Exit::Continue(visit.open.session.request.success_url.as_ref().and_then(Link::external))
    } else {
        let back = visit.open.return_target(None, "user_cancelled");
        Exit::Cancel { form: visit.link("/cancel"), leads_to: back.url.filter(|_| back.immediate) }
    }
}

fn choice(visit: &Visit, offer: &Offer) -> ProviderChoice {
    let provider = &offer.info.provider;
    let may_disconnect = visit.open.session.request.show_disconnect && offer.connected.is_some();
    ProviderChoice {
        slug: provider.to_string(),
        name: offer.info.name.clone(),
        icon: Link::path(icon::path(provider)),
        connect: visit.connect_link(provider),
        connected: offer.connected.is_some(),
        disconnect: may_disconnect.then(|| visit.link(&format!("/disconnect/{}", provider.slug()))),
    }
}

#[derive(Deserialize)]
struct ProviderPath {
    provider: String,
}

async fn connect(State(auth): State<Auth>, visit: Visit, Path(path): Path<ProviderPath>) -> Response {
    match path.provider.parse() {
        Ok(provider) => depart(&auth, &visit, &provider).await,
        Err(_) => see(&visit.link("").to_string(), HeaderMap::new()),
    }
}

async fn depart(auth: &Auth, visit: &Visit, provider: &Provider) -> Response {
    let request = &visit.open.session.request;
    let list = auth.providers().list();
    let info = list.iter().find(|info| info.provider == *provider);
    if info.is_some_and(|info| info.connects == Connects::OnDevice) {
        let app = if provider.as_str() == "SAMSUNG" { &request.samsung_app_url } else { &request.apple_app_url };
        let failure =
            Failure::PhoneOnly { provider: name_of(auth, provider), app: app.as_ref().and_then(Link::external) };
        return visit.failed(
            StatusCode::OK,
            failure,
            None,
            visit.open.return_target(Some(provider), "phone_only").url.as_ref(),
        );
    }
    let back = |reason| visit.open.return_target(Some(provider), reason).url;
    let departure = if visit.is_followed {
        auth.begin_followed_login(&visit.open, provider.as_str()).await
    } else {
        auth.begin_login(&visit.open, provider.as_str()).await
    };
    match departure {
        Ok(departure) => see(departure.url.as_str(), flow_cookie::set(auth, provider, &departure)),
        Err(BeginLoginError::NotOffered) => {
            visit.failed(StatusCode::NOT_FOUND, Failure::NoProvider, None, back("no_provider").as_ref())
        }
        Err(BeginLoginError::UserLimit) => {
            visit.failed(StatusCode::FORBIDDEN, Failure::CapReached, None, back("user_limit_reached").as_ref())
        }
        Err(BeginLoginError::Used) => visit.ended(Failure::AlreadyUsed, "session_used"),
        Err(BeginLoginError::TooManyLogins) => visit.ended(Failure::Expired, "too_many_logins"),
        Err(BeginLoginError::Provider(error)) => {
            tracing::error!(%provider, error = %Causes(&error), "could not start a login at {provider}");
            failed_page(auth, visit, provider, &ConnectFailure::from(&error))
        }
        Err(BeginLoginError::Store(error)) => visit.internal(&error),
    }
}

/// A `GET` changes nothing, because previews, scanners and prefetchers open every link.
async fn to_list(visit: Visit) -> Response {
    see(&visit.link("").to_string(), HeaderMap::new())
}

/// The end user cancels the session.
async fn cancel(State(auth): State<Auth>, visit: Visit) -> Response {
    if let Err(error) = auth.cancel(&visit.open).await {
        return visit.internal(&error);
    }
    match visit.open.return_target(None, "user_cancelled") {
        ReturnTarget { immediate: true, url: Some(url) } => see(url.as_str(), HeaderMap::new()),
        ReturnTarget { url, .. } => visit.failed(StatusCode::OK, Failure::Cancelled, None, url.as_ref()),
    }
}

async fn ask_disconnect(State(auth): State<Auth>, visit: Visit, Path(path): Path<ProviderPath>) -> Response {
    let offers = match auth.offers(&visit.open).await {
        Ok(offers) => offers,
        Err(error) => return visit.internal(&error),
    };
    let offer = offers.iter().find(|offer| offer.info.provider.slug() == path.provider && offer.connected.is_some());
    let Some(offer) = offer.filter(|_| visit.open.session.request.show_disconnect) else {
        return see(&visit.link("").to_string(), HeaderMap::new());
    };
    let page = widget::Disconnect {
        frame: visit.frame(),
        provider: offer.info.name.clone(),
        icon: Link::path(icon::path(&offer.info.provider)),
        action: visit.link(&format!("/disconnect/{}", offer.info.provider.slug())),
        keep: visit.link(""),
    };
    show(StatusCode::OK, &page)
}

async fn disconnect(State(auth): State<Auth>, visit: Visit, Path(path): Path<ProviderPath>) -> Response {
    let Ok(provider) = path.provider.parse::<Provider>() else {
        return see(&visit.link("").to_string(), HeaderMap::new());
    };
    let done = match auth.disconnect(&visit.open, &provider).await {
        Ok(()) => "disconnected",
        Err(DeauthenticateUserError::UserNotFound) => "kept",
        Err(DeauthenticateUserError::Store(error)) => return visit.internal(&error),
    };
    see(&visit.link(&format!("?{done}={}", provider.slug())).to_string(), HeaderMap::new())
}

#[derive(Deserialize)]
struct DemoParams {
    resource: Option<String>,
}

/// The page after a success if the app set no redirect URL. It proves nothing.
async fn demo_success(
    State(auth): State<Auth>,
    Query(params): Query<DemoParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let provider = params.resource.and_then(|resource| resource.parse::<Provider>().ok());
    let known = provider.filter(|provider| auth.providers().list().iter().any(|info| info.provider == *provider));
    let provider = known.ok_or_else(|| ApiError::not_found("there is no such provider"))?;
    let page = widget::Connected {
        frame: Frame { language: Language::negotiate(None, accept_language(&headers)), brand: None },
        provider: name_of(&auth, &provider),
        icon: Link::path(icon::path(&provider)),
        left_out: Vec::new(),
        connect_again: None,
        connect_another: None,
        proceed: None,
    };
    Ok(show(StatusCode::OK, &page))
}
