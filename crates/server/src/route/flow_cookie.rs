//! The cookie that binds a login to the browser in which it began. Each login has its own, limited to the callback path.

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use secrecy::ExposeSecret as _;
use terra_auth_core::{
    Auth,
    login::{begin::AuthorizationRedirect, state::LoginState},
};
use terra_auth_types::{Provider, wire::SESSION_TTL_S};

/// How long the last page of a login can be reloaded.
const RELOAD_S: u32 = 120;

pub(crate) fn read(headers: &HeaderMap, flow: &LoginState) -> Option<String> {
    let cookies =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let name = flow.cookie_name();
    let mut pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

pub(crate) fn set(auth: &Auth, provider: &Provider, departure: &AuthorizationRedirect) -> HeaderMap {
    let value = departure.cookie_value.expose_secret();
    header(auth, provider, &departure.cookie_name, value, SESSION_TTL_S)
}

/// Shortens the lifetime of the cookie after the login has returned. Until it expires, the page can be reloaded.
pub(crate) fn end_soon(auth: &Auth, flow: &LoginState, value: &str) -> HeaderMap {
    header(auth, flow.provider(), &flow.cookie_name(), value, RELOAD_S)
}

fn header(auth: &Auth, provider: &Provider, name: &str, value: &str, max_age_s: u32) -> HeaderMap {
    let target = auth.redirect_uri(provider);
    let secure = if target.scheme() == "https" { "; Secure" } else { "" };
    let path = target.path();
    let text = format!("{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(SET_COOKIE, value);
    }
    headers
}
