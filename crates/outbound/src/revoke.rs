//! Telling a provider that a grant is over: RFC 7009, as recipes bend it.

use reqwest::Response;
use secrecy::{ExposeSecret, SecretString};
use terra_auth_core::provider::{Answered, ClientCredentials, RevokeError, Revoked, Tokens};

use crate::{
    answer::{Blame, NoAnswer, read_json},
    caller::{CallError, Caller},
    oauth::{Form, authenticated},
    recipe::{
        answer_shape::AnswerShape,
        revoke::{Revoke, Sent, WhichToken},
    },
    template::Values,
};

/// Revokes a grant. `shape` is that of the provider's answers.
pub(crate) async fn revoke(
    caller: &Caller,
    recipe: &Revoke,
    shape: &AnswerShape,
    client: &ClientCredentials,
    account: Option<&str>,
    tokens: &Tokens,
) -> Result<Revoked, RevokeError> {
    let values = Values { account, client_id: Some(&client.client_id), ..Values::default() };
    let call = caller.call(recipe.method, recipe.url.fill(values).ok_or(RevokeError::NoAccount)?);
    let token = chosen(recipe.token, tokens).expose_secret();
    let mut form = Form::new();
    let call = match &recipe.sent {
        Sent::Form(name) => {
            form.push((name, token.into()));
            call
        }
        Sent::Query(name) => call.query(&[(name, token)]),
        Sent::Bearer => call.bearer_auth(token),
    };
    let call = authenticated(call, recipe.client_auth, client, &mut form);
    let call = if form.is_empty() { call } else { call.form(&form) };
    let response = caller.send(call).await.map_err(|error| RevokeError::Unreachable(Box::new(error)))?;
    meaning(recipe, shape, response).await
}

async fn meaning(recipe: &Revoke, shape: &AnswerShape, response: Response) -> Result<Revoked, RevokeError> {
    let status = response.status().as_u16();
    let answered = |code| Answered { status: Some(status), code };
    let succeeded = recipe.success.contains(&status);
    if succeeded && !shape.tells_of_success() {
        return Ok(Revoked::Confirmed(answered(None)));
    }
    if recipe.gone.contains(&status) {
        return Ok(Revoked::AlreadyGone(answered(None)));
    }
    let (code, blame) = match read_json(response, shape).await {
        Err(NoAnswer::Refused { code, blame }) => (Some(code), Some(blame)),
        Err(NoAnswer::Call(error @ CallError::Failed(_))) => return Err(RevokeError::Unreachable(Box::new(error))),
        _ => (None, None),
    };
    let is_gone = code.as_ref().is_some_and(|code| recipe.gone_errors.contains(code));
    match (code, blame) {
        (code, _) if is_gone => Ok(Revoked::AlreadyGone(answered(code))),
        (None, _) if succeeded => Ok(Revoked::Confirmed(answered(None))),
        (code, Some(Blame::App)) => Err(RevokeError::AppRefused(answered(code))),
        (code, _) if recipe.takes_access_token() && status == 401 => Err(RevokeError::TokenRefused(answered(code))),
        (code, _) => Err(RevokeError::Refused(answered(code))),
    }
}

fn chosen(which: WhichToken, tokens: &Tokens) -> &SecretString {
    match (which, &tokens.refresh_token) {
        (WhichToken::Refresh, Some(refresh_token)) => refresh_token,
        _ => &tokens.access_token,
    }
}
