//! Telling a provider that a grant is over: RFC 7009, as recipes bend it.

use secrecy::{ExposeSecret, SecretString};
use terra_auth_core::provider::{ClientCredentials, ProviderError, Tokens};

use crate::{
    answer::{NoAnswer, read_json},
    caller::Caller,
    oauth::{Form, authenticated},
    recipe::{
        answer_shape::AnswerShape,
        revoke::{Revoke, Sent, WhichToken},
    },
    template::Values,
};

/// Revokes a grant. Done when the provider says so, or says that there is nothing to revoke any more.
pub(crate) async fn revoke(
    caller: &Caller,
    recipe: &Revoke,
    client: &ClientCredentials,
    account: Option<&str>,
    tokens: &Tokens,
) -> Result<(), ProviderError> {
    let values = Values { account, client_id: Some(&client.client_id), ..Values::default() };
    let call = caller.call(recipe.method, recipe.url.fill(values).ok_or(ProviderError::Unreadable)?);
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
    let response = caller.send(call).await?;
    let status = response.status().as_u16();
    if recipe.success.contains(&status) || recipe.gone.contains(&status) {
        return Ok(());
    }
    match read_json(response, &AnswerShape::default()).await {
        Err(NoAnswer::Refused { code, .. }) if recipe.gone_errors.contains(&code) => Ok(()),
        Ok(_) => Err(ProviderError::Unreadable),
        Err(error) => Err(error.into()),
    }
}

fn chosen(which: WhichToken, tokens: &Tokens) -> &SecretString {
    match (which, &tokens.refresh_token) {
        (WhichToken::Refresh, Some(refresh_token)) => refresh_token,
        _ => &tokens.access_token,
    }
}
