//! `POST /{face}/login`: a person says who they are; any name will do.

use askama::Template;
use axum::{
    extract::{RawForm, State},
    http::StatusCode,
    response::Response,
};

use super::{Frame, OnFace, consent::show_consent, show, show_error};
use crate::{
    face::Face,
    ledger::{Account, Pending},
    params::Params,
    sandbox::Sandbox,
};

const DEFAULT_NAME: &str = "demo";
const MAX_NAME_CHARS: usize = 64;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    face: &'a Face,
    app_name: &'a str,
    action: String,
    handle: &'a str,
}

pub(super) fn show_login(sandbox: &Sandbox, face: &Face, handle: &str) -> Response {
    let action = sandbox.url(&format!("{}/login", face.slug)).path().to_owned();
    let frame = Frame::of(sandbox, face);
    show(StatusCode::OK, &LoginPage { frame, face, app_name: sandbox.app_name(), action, handle })
}

/// Notes the account in the waiting request and shows the consent page.
pub(super) async fn login(State(sandbox): State<Sandbox>, OnFace(face): OnFace, RawForm(body): RawForm) -> Response {
    let params = Params::parse(&body);
    let (Ok(Some(handle)), Ok(name)) = (params.one("handle"), params.one("account")) else {
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

/// The page for a request that was answered, forgotten or never made.
pub(super) fn show_expired(sandbox: &Sandbox) -> Response {
    show_error(sandbox, StatusCode::BAD_REQUEST, "This sign-in has ended. Go back to the app and begin again.")
}

fn sign_in(sandbox: &Sandbox, face: &Face, handle: &str, account: Account) -> Option<Pending> {
    let mut ledger = sandbox.ledger();
    let pending = ledger.pending(face, handle, sandbox.now())?;
    pending.account = Some(account);
    Some(pending.clone())
}
