//! `POST /{face}/consent`: the user approves all scopes, some, or none.

use askama::Template;
use axum::{
    extract::{RawForm, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};

use super::{PageLayout, ProfilePath, login::show_expired, show, show_error};
use crate::{
    fault::Fault,
    params::Params,
    profile::{GrantedScopes, ProviderProfile, Scope},
    sandbox::Sandbox,
    tokens::{Account, AuthorizationCode, PendingAuthorization},
};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    frame: PageLayout,
    face: &'a ProviderProfile,
    app_name: &'a str,
    action: String,
    handle: &'a str,
    account: &'a str,
    scopes: &'a [&'a Scope],
    /// Whether the checkboxes of the scopes are checked.
    ticked: bool,
    trouble: bool,
    choices: &'a [(&'a str, &'a str, Option<Fault>)],
}

pub(super) fn show_consent(sandbox: &Sandbox, pending: &PendingAuthorization, handle: &str, ticked: bool) -> Response {
    let face = pending.face;
    let page = ConsentPage {
        frame: PageLayout::of(sandbox, face),
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

/// Completes the pending request, once, and redirects the browser to the app.
pub(super) async fn consent(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    RawForm(body): RawForm,
) -> Response {
    let params = Params::parse(&body);
    let (Ok(Some(handle)), Ok(Some(decision))) = (params.at_most_one("handle"), params.at_most_one("decision")) else {
        return show_error(&sandbox, StatusCode::BAD_REQUEST, "The form is incomplete.");
    };
    if let "all" | "none" = decision {
        return show_again(&sandbox, face, handle, decision == "all");
    }
    let Some((pending, account)) = take_pending_with_account(&sandbox, face, handle) else {
        return show_expired(&sandbox);
    };
    apply_fault_choice(&sandbox, face, &account, &params);
    let ticked: Vec<_> = params.all("scope").collect();
    let scopes: Vec<_> = pending.scopes.iter().copied().filter(|scope| ticked.contains(&scope.name)).collect();
    let answer = if decision == "approve" && !scopes.is_empty() {
        approve(&sandbox, pending, account, scopes)
    } else {
        pending.return_address.send(&[("error", "access_denied")])
    };
    answer.into_response()
}

/// Shows the page again with all checkboxes checked or none. The two buttons work without a script.
fn show_again(sandbox: &Sandbox, face: &ProviderProfile, handle: &str, ticked: bool) -> Response {
    let pending = sandbox.token_store().pending(face, handle, sandbox.now()).cloned();
    match pending.filter(|pending| pending.account.is_some()) {
        Some(pending) => show_consent(sandbox, &pending, handle, ticked),
        None => show_expired(sandbox),
    }
}

fn take_pending_with_account(
    sandbox: &Sandbox,
    face: &ProviderProfile,
    handle: &str,
) -> Option<(PendingAuthorization, Account)> {
    let mut ledger = sandbox.token_store();
    let pending = ledger.pending(face, handle, sandbox.now())?.clone();
    let account = pending.account.clone()?;
    ledger.take_pending(handle);
    Some((pending, account))
}

/// Applies the page's "Simulate a failure" section. If it is unchanged, the current fault stays.
fn apply_fault_choice(sandbox: &Sandbox, face: &ProviderProfile, account: &Account, params: &Params) {
    if params.all("revoke_earlier").next().is_some() {
        sandbox.revoke_account(face, &account.name);
    }
    let chosen = params.all("trouble").next();
    if let Some((_, _, fault)) = Fault::CHOICES.iter().find(|(value, ..)| chosen == Some(*value)) {
        sandbox.set_fault(face, *fault);
    }
}

fn approve(
    sandbox: &Sandbox,
    pending: PendingAuthorization,
    account: Account,
    scopes: Vec<&'static Scope>,
) -> Redirect {
    let (code, face) = (sandbox.generate_secret(), pending.face);
    let told = (face.granted_scopes == GrantedScopes::Redirect).then(|| face.format_scopes(&scopes));
    let issued = AuthorizationCode {
        face,
        redirect_uri: pending.return_address.redirect_uri.clone(),
        challenge: pending.challenge,
        account,
        scopes,
        added_at: sandbox.now(),
        spent_for: None,
    };
    sandbox.token_store().add_code(&code, issued);
    let scope = told.as_deref().map(|scopes| ("scope", scopes));
    pending.return_address.send(&[("code", code.as_str())].into_iter().chain(scope).collect::<Vec<_>>())
}
