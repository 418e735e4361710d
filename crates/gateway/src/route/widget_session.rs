use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use terra_auth::{Error, WidgetSessionRequest};
use terra_auth_types::{Provider, SessionId, redirect};
use url::Url;

use super::{landing::landing, mobile_token::NO_STORE};
use crate::{breaker::UpstreamError, end_user::AuthenticatedRequest, error::ApiError, settings::WidgetSettings};

/// The caller's options. The caller cannot set anything else, especially not the reference id.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Params {
    providers: Option<Providers>,
    language: Option<String>,
    auth_success_redirect_url: Option<String>,
    auth_failure_redirect_url: Option<String>,
    /// The URL of the page that closes itself, as the browser reaches it; set by terra.js.
    landing_url: Option<String>,
}

/// A list, or comma-separated names as in Terra's API.
#[derive(Deserialize)]
#[serde(untagged)]
enum Providers {
    List(Vec<String>),
    Text(String),
}

/// The URL for the caller's browser.
#[derive(Serialize)]
pub(crate) struct WidgetSessionResponse {
    url: Url,
    session_id: SessionId,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

const LANGUAGE_BYTES: usize = 35; // the longest registered tag, RFC 5646

/// Creates a widget session for the caller.
pub(crate) async fn generate_widget_session(
    caller: AuthenticatedRequest,
    headers: HeaderMap,
    body: Bytes,
) -> Result<([(HeaderName, HeaderValue); 1], Json<WidgetSessionResponse>), ApiError> {
    let AuthenticatedRequest { reference_id, live } = caller;
    let params = read(&headers, &body)?;
    let landing = landing(&headers, live.settings.tls.is_some(), params.landing_url.as_deref());
    let request = |landing| -> Result<_, ApiError> {
        Ok(request(&params, &live.settings.widget, landing)?.reference_id(&reference_id))
    };
    let generate = async |request| live.call(live.clients.of_this_thread().generate_widget_session(&request)).await;
    let session = match generate(request(landing.as_ref())?).await {
        // The environment's allow-list may lack our default page.
        Err(UpstreamError::Failed(Error::InvalidInput(_))) if landing.is_some() => generate(request(None)?).await,
        session => session,
    }?;
    let terra_auth::WidgetSession { session_id, url, expires_at, warnings } = session;
    Ok((NO_STORE, Json(WidgetSessionResponse { url, session_id, expires_at, warnings })))
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Params, ApiError> {
    if body.is_empty() {
        return Ok(Params::default());
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body as Content-Type: application/json",
        ));
    }
    let object = serde_json::from_slice::<Map<_, _>>(body); // serde would accept an array for a struct
    let params = object.and_then(|object| serde_json::from_value(Value::Object(object)));
    params.map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))
}

fn request(params: &Params, widget: &WidgetSettings, landing: Option<&Url>) -> Result<WidgetSessionRequest, ApiError> {
    let mut request = WidgetSessionRequest::new().providers(providers(params.providers.as_ref())?);
    if let Some(language) = &params.language {
        if language.len() > LANGUAGE_BYTES {
            return Err(ApiError::bad_request("language: write a tag such as en or zh_cn"));
        }
        request = request.language(language.clone());
    }
    let (asked, otherwise) = (params.auth_success_redirect_url.as_deref(), widget.success_redirect_url.as_ref());
    if let Some(url) = target("auth_success_redirect_url", asked, widget, otherwise.or(landing))? {
        request = request.auth_success_redirect_url(url);
    }
    let (asked, otherwise) = (params.auth_failure_redirect_url.as_deref(), widget.failure_redirect_url.as_ref());
    if let Some(url) = target("auth_failure_redirect_url", asked, widget, otherwise.or(landing))? {
        request = request.auth_failure_redirect_url(url);
    }
    Ok(request)
}

fn providers(asked: Option<&Providers>) -> Result<Vec<Provider>, ApiError> {
    let names = match asked {
        None => Vec::new(),
        Some(Providers::List(names)) => names.clone(),
        Some(Providers::Text(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    let read = |name: &String| name.parse().map_err(|error| ApiError::bad_request(format!("providers: {error}")));
    names.iter().filter(|name| !name.is_empty()).map(read).collect()
}

/// The redirect URL: the requested one if it is allowed, otherwise that of the settings.
fn target(
    field: &str,
    asked: Option<&str>,
    widget: &WidgetSettings,
    otherwise: Option<&Url>,
) -> Result<Option<String>, ApiError> {
    let Some(asked) = asked else { return Ok(otherwise.map(Url::to_string)) };
    if widget.allowed_redirects.is_empty() {
        let detail =
            format!("{field}: no redirect URL is allowed; the operator lists them in widget.allowed_redirects");
        return Err(ApiError::bad_request(detail));
    }
    match redirect::check(&widget.allowed_redirects, asked) {
        Ok(url) => Ok(Some(url.to_string())),
        Err(error) => Err(ApiError::bad_request(format!("{field}: {error}"))),
    }
}
