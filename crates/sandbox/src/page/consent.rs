//! `POST /{face}/consent`: a person allows all, a part or nothing.

use askama::Template;
use axum::{
    extract::{RawForm, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{Frame, OnFace, login::show_expired, show, show_error};
use crate::{
    face::{Face, GrantedScopes, Scope},
    fault::Fault,
    ledger::{Account, Code, Pending},
    params::Params,
    sandbox::Sandbox,
};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    frame: Frame,
    face: &'a Face,
    app_name: &'a str,
    action: String,
    handle: &'a str,
    account: &'a str,
    scopes: &'a [&'a Scope],
    /// Whether the boxes of the scopes are ticked.
    ticked: bool,
    trouble: bool,
    choices: &'a [(&'a str, &'a str, Option<Fault>)],
}

pub(super) fn show_consent(sandbox: &Sandbox, pending: &Pending, handle: &str, ticked: bool) -> Response {
    let face = pending.face;
    let page = ConsentPage {
        frame: Frame::of(sandbox, face),
        face,
        app_name: sandbox.app_name(),
        action: sandbox.url(&format!("{}/consent", face.slug)).path().to_owned(),
        handle,
        account: pending.account.as_ref().map_or("", |account| &account.name),
        scopes: &pending.scopes,
        ticked,
        trouble: sandbox.fault(face).is_some(),
        choices: Fault::CHOICES,
    };
    show(StatusCode::OK, &page)
}

/// Answers the waiting request, once, and sends the browser back to the app.
pub(super) async fn consent(State(sandbox): State<Sandbox>, OnFace(face): OnFace, RawForm(body): RawForm) -> Response {
    let params = Params::parse(&body);
    let (Ok(Some(handle)), Ok(Some(decision))) = (params.one("handle"), params.one("decision")) else {
        return show_error(&sandbox, StatusCode::BAD_REQUEST, "The form is incomplete.");
    };
    if let "all" | "none" = decision {
        return show_again(&sandbox, face, handle, decision == "all");
    }
    let Some((pending, account)) = take_signed_in(&sandbox, face, handle) else { return show_expired(&sandbox) };
    make_trouble(&sandbox, face, &account, &params);
    let ticked: Vec<_> = params.all("scope").collect();
    let scopes: Vec<_> = pending.scopes.iter().copied().filter(|scope| ticked.contains(&scope.name)).collect();
    let answer = if decision == "approve" && !scopes.is_empty() {
        approve(&sandbox, pending, account, scopes)
    } else {
        pending.return_address.send(&[("error", "access_denied")])
    };
    answer.into_response()
}

/// The page once more, with every box ticked or none: the switch works without a script.
fn show_again(sandbox: &Sandbox, face: &Face, handle: &str, ticked: bool) -> Response {
    let pending = sandbox.ledger().pending(face, handle, sandbox.now()).cloned();
    match pending.filter(|pending| pending.account.is_some()) {
        Some(pending) => show_consent(sandbox, &pending, handle, ticked),
        None => show_expired(sandbox),
    }
}

fn take_signed_in(sandbox: &Sandbox, face: &Face, handle: &str) -> Option<(Pending, Account)> {
    let mut ledger = sandbox.ledger();
    let pending = ledger.pending(face, handle, sandbox.now())?.clone();
    let account = pending.account.clone()?;
    ledger.take_pending(handle);
    Some((pending, account))
}

/// What the page's "Simulate a failure" part asks for; without it, everything stays as it was set.
fn make_trouble(sandbox: &Sandbox, face: &Face, account: &Account, params: &Params) {
    if params.all("revoke_earlier").next().is_some() {
        sandbox.revoke_account(face, &account.name);
    }
    let chosen = params.all("trouble").next();
    if let Some((_, _, fault)) = Fault::CHOICES.iter().find(|(value, ..)| chosen == Some(*value)) {
        sandbox.set_fault(face, *fault);
    }
}

fn approve(sandbox: &Sandbox, pending: Pending, account: Account, scopes: Vec<&'static Scope>) -> Redirect {
    let (code, face) = (sandbox.draw_secret(), pending.face);
    let told = (face.granted_scopes == GrantedScopes::Redirect).then(|| face.write_scopes(&scopes));
    let issued = Code {
        face,
        redirect_uri: pending.return_address.redirect_uri.clone(),
        challenge: pending.challenge,
        account,
        scopes,
        added_at: sandbox.now(),
        spent_for: None,
    };
    sandbox.ledger().add_code(&code, issued);
    let scope = told.as_deref().map(|scopes| ("scope", scopes));
    pending.return_address.send(&[("code", code.as_str())].into_iter().chain(scope).collect::<Vec<_>>())
}
