//! `POST /{face}/token`: codes and refresh tokens become access tokens.

use axum::{
    Json,
    extract::{RawForm, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    client::authenticate,
    error::{ChannelError, NO_STORE},
};
use crate::{
    face::{Face, Identity, Scope},
    fault::Fault,
    ledger::{GrantError, GrantId, Ledger, PresentedCode},
    page::OnFace,
    params::Params,
    sandbox::Sandbox,
};

/// Not `Debug`: it holds tokens.
#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

pub(super) async fn token(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Result<Response, ChannelError> {
    let params = Params::parse(&body);
    authenticate(&sandbox, &headers, &params)?;
    let answer = match params.one("grant_type")? {
        Some("authorization_code") => exchange_code(&sandbox, face, &params)?,
        Some("refresh_token") => refresh(&sandbox, face, &params)?,
        Some(_) => return Err(ChannelError::UnsupportedGrantType),
        None => return Err(ChannelError::Missing("grant_type")),
    };
    Ok((NO_STORE, Json(answer)).into_response())
}

fn exchange_code(sandbox: &Sandbox, face: &'static Face, params: &Params) -> Result<TokenAnswer, ChannelError> {
    let presented = PresentedCode {
        code: required(params, "code")?,
        redirect_uri: required(params, "redirect_uri")?,
        verifier: required(params, "code_verifier")?,
    };
    let mut ledger = sandbox.ledger();
    let grant = ledger.spend_code(face, &presented, sandbox.code_ttl(), sandbox.now())?;
    let rotate = sandbox.fault(face) != Some(Fault::NoRefreshToken);
    issue(sandbox, &mut ledger, grant, rotate, None)
}

fn refresh(sandbox: &Sandbox, face: &'static Face, params: &Params) -> Result<TokenAnswer, ChannelError> {
    let token = required(params, "refresh_token")?;
    let asked =
        params.one("scope")?.map(|text| face.parse_scopes(text).ok_or(ChannelError::InvalidScope)).transpose()?;
    let mut ledger = sandbox.ledger();
    let id = ledger.refresh(face, token)?;
    let granted = ledger.grant(id).map_or_else(Vec::new, |grant| grant.scopes.clone());
    if asked.iter().flatten().any(|scope| !granted.contains(scope)) {
        return Err(ChannelError::InvalidScope);
    }
    let rotate = sandbox.fault(face) != Some(Fault::NoRefreshToken);
    if rotate {
        ledger.spend_refresh_token(token);
    }
    ledger.count_refresh(id);
    issue(sandbox, &mut ledger, id, rotate, asked.as_deref())
}

/// Draws new tokens for a grant; `scopes` narrows what they open.
fn issue(
    sandbox: &Sandbox,
    ledger: &mut Ledger,
    id: GrantId,
    with_refresh_token: bool,
    scopes: Option<&[&'static Scope]>,
) -> Result<TokenAnswer, ChannelError> {
    let access_token = sandbox.draw_secret();
    ledger.add_access_token(&access_token, id, sandbox.now());
    let refresh_token = with_refresh_token.then(|| sandbox.draw_secret());
    if let Some(token) = &refresh_token {
        ledger.add_refresh_token(token, id);
    }
    let grant = ledger.grant(id).ok_or(GrantError::UnknownRefreshToken)?;
    Ok(TokenAnswer {
        access_token,
        refresh_token,
        token_type: "Bearer",
        expires_in: sandbox.access_token_ttl().as_secs(),
        scope: grant.face.write_scopes(scopes.unwrap_or(&grant.scopes)),
        user_id: (grant.face.identity == Identity::TokenAnswer).then(|| grant.account.id.clone()),
    })
}

fn required<'a>(params: &'a Params, name: &'static str) -> Result<&'a str, ChannelError> {
    params.one(name)?.ok_or(ChannelError::Missing(name))
}
