//! `POST /{face}/login`: the user signs in; any name is accepted.

use askama::Template;
use axum::{
    extract::{RawForm, State},
    http::StatusCode,
    response::Response,
};

use super::{PageLayout, ProfilePath, consent::show_consent, show, show_error};
use crate::{
    params::Params,
    profile::ProviderProfile,
    sandbox::Sandbox,
    tokens::{Account, PendingAuthorization},
};

const DEFAULT_NAME: &str = "demo";
const MAX_NAME_CHARS: usize = 64;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: PageLayout,
    face: &'a ProviderProfile,
    app_name: &'a str,
    action: String,
    handle: &'a str,
}

pub(super) fn show_login(sandbox: &Sandbox, face: &ProviderProfile, handle: &str) -> Response {
    let action = sandbox.url(&format!("{}/login", face.slug)).path().to_owned();
    let frame = PageLayout::of(sandbox, face);
    show(StatusCode::OK, &LoginPage { frame, face, app_name: sandbox.app_name(), action, handle })
}

/// Stores the account in the pending request and shows the consent page.
pub(super) async fn login(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    RawForm(body): RawForm,
) -> Response {
    let params = Params::parse(&body);
    let (Ok(Some(handle)), Ok(name)) = (params.at_most_one("handle"), params.at_most_one("account")) else {
        return show_error(&sandbox, StatusCode::BAD_REQUEST, "The form is incomplete.");
    };
    let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(DEFAULT_NAME);
    if name.chars().count() > MAX_NAME_CHARS {
        return show_error(&sandbox, StatusCode::BAD_REQUEST, "An account name has at most 64 characters.");
    }
    let account = Account { id: face.account_id(name), name: name.to_owned() };
    match sign_in(&sandbox, face, handle, account) {
        Some(pending) => show_consent(&sandbox, &pending, handle, true),
        None => show_expired(&sandbox),
    }
}

/// Shows the error page for a request that is completed, expired or unknown.
pub(super) fn show_expired(sandbox: &Sandbox) -> Response {
    show_error(sandbox, StatusCode::BAD_REQUEST, "This sign-in has expired. Return to the app and start again.")
}

fn sign_in(sandbox: &Sandbox, face: &ProviderProfile, handle: &str, account: Account) -> Option<PendingAuthorization> {
    let mut ledger = sandbox.token_store();
    let pending = ledger.pending(face, handle, sandbox.now())?;
    pending.account = Some(account);
    Some(pending.clone())
}
