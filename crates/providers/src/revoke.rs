//! Revokes grants: RFC 7009, and the deviations of recipes.

use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};
use terra_auth_egress::{CallError, HttpClient};
use terra_auth_model::provider::{ClientCredentials, RevokeError, RevokeResponse, Revoked, Tokens};

use crate::{
    form::Form,
    oauth::authenticated,
    recipe::{
        response_shape::AnswerShape,
        revoke::{Revoke, TokenPosition, TokenToRevoke},
    },
    response::{ErrorSubject, ProviderResponseError, read_json},
    template::Values,
};

/// Revokes a grant. `shape` describes the provider's responses.
pub(crate) async fn revoke(
    caller: &HttpClient,
    recipe: &Revoke,
    shape: &AnswerShape,
    client: &ClientCredentials,
    account: Option<&str>,
    tokens: &Tokens,
) -> Result<Revoked, RevokeError> {
    let values = Values { account, client_id: Some(&client.client_id), ..Values::default() };
    let call = caller.call(recipe.method, recipe.url.fill(values).ok_or(RevokeError::NoAccount)?);
    let token = token_to_revoke(recipe.token, tokens).expose_secret();
    let mut form = Form::new();
    let call = match &recipe.sent {
        TokenPosition::Form(name) => {
            form.push((name, token.into()));
            call
        }
        TokenPosition::Query(name) => call.query(&[(name, token)]),
        TokenPosition::Bearer => call.bearer_auth(token),
    };
    let call = authenticated(call, recipe.client_auth, client, &mut form);
    let call = if form.is_empty() { call } else { call.form(&form) };
    let response = caller.send(call).await.map_err(|error| RevokeError::Unreachable(Box::new(error)))?;
    revoke_error_of(recipe, shape, response).await
}

async fn revoke_error_of(recipe: &Revoke, shape: &AnswerShape, response: Response) -> Result<Revoked, RevokeError> {
    let status = response.status().as_u16();
    let answered = |code| RevokeResponse { status: Some(status), code };
    let succeeded = recipe.success.contains(&status);
    if succeeded && !shape.tells_of_success() {
        return Ok(Revoked::Confirmed(answered(None)));
    }
    if recipe.gone.contains(&status) {
        return Ok(Revoked::AlreadyGone(answered(None)));
    }
    let (code, blame) = match read_json(response, shape).await {
        Err(ProviderResponseError::Refused { code, blame }) => (Some(code), Some(blame)),
        Err(ProviderResponseError::Call(error @ CallError::Failed(_))) => {
            return Err(RevokeError::Unreachable(Box::new(error)));
        }
        _ => (None, None),
    };
    let is_gone = code.as_ref().is_some_and(|code| recipe.gone_errors.contains(code));
    match (code, blame) {
        (code, _) if is_gone => Ok(Revoked::AlreadyGone(answered(code))),
        (None, _) if succeeded => Ok(Revoked::Confirmed(answered(None))),
        (code, Some(ErrorSubject::App)) => Err(RevokeError::AppRefused(answered(code))),
        (code, _) if recipe.takes_access_token() && status == 401 => Err(RevokeError::TokenRefused(answered(code))),
        (code, _) => Err(RevokeError::Refused(answered(code))),
    }
}

fn token_to_revoke(which: TokenToRevoke, tokens: &Tokens) -> &SecretString {
    match (which, &tokens.refresh_token) {
        (TokenToRevoke::Refresh, Some(refresh_token)) => refresh_token,
        _ => &tokens.access_token,
    }
}
