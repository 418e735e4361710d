//! The account of a login: its id, and its registration at the provider.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use reqwest::header::ACCEPT;
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use terra_auth_egress::HttpClient;
use terra_auth_model::provider::{ClientCredentials, CodeExchange, Grant, ProviderError, Tokens};
use terra_auth_types::ReferenceId;

use crate::{
    field::{Endpoint, id},
    form::with_headers,
    recipe::{
        account_id::AccountIdSource,
        after_consent::{AfterConsent, Body},
        login::Login,
        response_shape::AnswerShape,
    },
    response::{ProviderResponseError, read_json},
    template::{Template, Values},
};

/// The provider's own id for the account.
///
/// If the provider has none, the app's reference id replaces it. Without a reference id, each login is a separate account.
pub(crate) async fn of(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    token_answer: &Value,
    tokens: &Tokens,
    exchange: &CodeExchange,
) -> Result<String, ProviderError> {
    let access_token = tokens.access_token.expose_secret();
    let found = match &login.identity {
        Some(AccountIdSource::TokenAnswer(field)) => field.find(token_answer).cloned(),
        Some(AccountIdSource::Asked(url, field)) => {
            field.find(&fetch_account(caller, url, client, tokens).await?).cloned()
        }
        Some(AccountIdSource::Claim(claim)) => claims(access_token).and_then(|claims| claim.find(&claims).cloned()),
        None => Some(Value::String(placeholder_account(exchange.reference_id.as_ref(), access_token))),
    };
    found.as_ref().and_then(id).ok_or(ProviderError::Unreadable)
}

/// The response of a URL to the access token.
pub(crate) async fn fetch_account(
    caller: &HttpClient,
    url: &Endpoint,
    client: &ClientCredentials,
    tokens: &Tokens,
) -> Result<Value, ProviderError> {
    let call = caller.client().get(url.0.clone()).bearer_auth(tokens.access_token.expose_secret());
    let call = with_headers(call, client).header(ACCEPT, "application/json");
    Ok(read_json(caller.send(call).await.map_err(ProviderResponseError::from)?, &AnswerShape::default()).await?)
}

fn placeholder_account(reference_id: Option<&ReferenceId>, access_token: &str) -> String {
    match reference_id {
        Some(reference_id) => format!("reference:{reference_id}"),
        None => format!("login:{}", BASE64.encode(Sha256::digest(access_token))),
    }
}

/// The claims of a JWT, not verified.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
}

/// Makes the call that the provider requires before it returns data.
pub(crate) async fn register_user(
    caller: &HttpClient,
    recipe: &AfterConsent,
    client: &ClientCredentials,
    grant: &Grant,
    exchange: &CodeExchange,
) -> Result<(), ProviderError> {
    let values = Values {
        account: Some(&grant.account),
        // Without a reference id, the provider's account id is used.
        reference_id: exchange.reference_id.as_ref().map(ReferenceId::as_str).or(Some(&grant.account)),
        client_id: Some(&client.client_id),
    };
    let url = recipe.url.fill(values).ok_or(ProviderError::Unreadable)?;
    let call = caller.call(recipe.method, url).bearer_auth(grant.tokens.access_token.expose_secret());
    let call = with_headers(call, client).header(ACCEPT, "application/json");
    let call = match &recipe.body {
        Some(Body::Form(fields)) => call.form(&filled(fields, values)?),
        Some(Body::Json(fields)) => call.json(&filled(fields, values)?),
        None => call,
    };
    let response = caller.send(call).await.map_err(ProviderResponseError::from)?;
    if recipe.success.contains(&response.status().as_u16()) {
        return Ok(());
    }
    match read_json(response, &AnswerShape::default()).await {
        Ok(_) => Err(ProviderError::Unreadable),
        Err(error) => Err(error.into()),
    }
}

fn filled<'a>(
    fields: &'a BTreeMap<String, Template>,
    values: Values<'_>,
) -> Result<BTreeMap<&'a str, String>, ProviderError> {
    let field = |(name, value): (&'a String, &Template)| Some((name.as_str(), value.fill(values)?));
    fields.iter().map(field).collect::<Option<_>>().ok_or(ProviderError::Unreadable)
}
