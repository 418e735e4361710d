//! The authorization code grant: RFC 6749 with PKCE (RFC 7636), as recipes bend it.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, header::ACCEPT};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use terra_auth_core::provider::{AuthorizationRequest, CodeExchange, Grant, ProviderError, Tokens};
use url::{Url, form_urlencoded::byte_serialize};

use crate::{
    answer::read_json,
    caller::Caller,
    recipe::{ClientAuth, Identity, Login},
};

/// What a provider knows the operator's app by.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// Public.
    pub client_id: String,
    /// Proves that it is the app.
    pub client_secret: SecretString,
}

pub(crate) type Form<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Where the browser is sent (RFC 6749 §4.1.1).
pub(crate) fn authorization_url(login: &Login, client: &ClientCredentials, request: &AuthorizationRequest) -> Url {
    let mut url = login.authorize_url.0.clone();
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", &request.state);
    if !login.scopes.is_empty() {
        pairs.append_pair("scope", &login.scopes.join(login.scope_separator.encode_utf8(&mut [0; 4])));
    }
    if login.pkce {
        pairs.append_pair("code_challenge", &request.code_challenge).append_pair("code_challenge_method", "S256");
    }
    pairs.extend_pairs(&login.authorize_params.0);
    drop(pairs);
    url
}

/// Exchanges a code for tokens (RFC 6749 §4.1.3), and asks whose they are. `now` dates their expiry.
pub(crate) async fn exchange(
    caller: &Caller,
    login: &Login,
    client: &ClientCredentials,
    exchange: &CodeExchange,
    now: Timestamp,
) -> Result<Grant, ProviderError> {
    let mut form: Form<'_> = vec![
        ("grant_type", "authorization_code".into()),
        ("code", exchange.code.expose_secret().into()),
        ("redirect_uri", exchange.redirect_uri.as_str().into()),
    ];
    if login.pkce {
        form.push(("code_verifier", exchange.code_verifier.expose_secret().into()));
    }
    let call = caller.client().post(login.token_url.0.clone()).header(ACCEPT, "application/json");
    let call = authenticated(call, Some(login.client_auth), client, &mut form).form(&form);
    let answer = read_json(caller.send(call).await?).await?;
    let tokens = read_tokens(&answer, now)?;
    let (scopes, declined_scopes) = read_scopes(login, &answer);
    let account = account(caller, &login.identity, &answer, &tokens).await?;
    Ok(Grant { account, scopes, declined_scopes, missing_scopes: Vec::new(), tokens })
}

/// Adds the client's credentials to a call, or to the form it will carry.
pub(crate) fn authenticated<'a>(
    call: RequestBuilder,
    how: Option<ClientAuth>,
    client: &'a ClientCredentials,
    form: &mut Form<'a>,
) -> RequestBuilder {
    let secret = client.client_secret.expose_secret();
    match how {
        // Both halves are form-encoded first, so that an id may hold a colon.
        Some(ClientAuth::Basic) => call.basic_auth(encoded(&client.client_id), Some(encoded(secret))),
        Some(ClientAuth::Body) => {
            form.extend([("client_id", client.client_id.as_str().into()), ("client_secret", secret.into())]);
            call
        }
        None => call,
    }
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn read_tokens(answer: &Value, now: Timestamp) -> Result<Tokens, ProviderError> {
    let secret = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Ok(Tokens {
        access_token: secret("access_token").ok_or(ProviderError::Unreadable)?.into(),
        refresh_token: secret("refresh_token").map(SecretString::from),
        expires_at: answer
            .get("expires_in")
            .and_then(seconds)
            .map(|seconds| now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)),
    })
}

/// A number, which some providers write as a text.
fn seconds(value: &Value) -> Option<i64> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (seconds >= 0).then_some(seconds)
}

/// What was granted, and what was asked for beyond that.
fn read_scopes(login: &Login, answer: &Value) -> (Vec<String>, Vec<String>) {
    let Some(text) = login.granted_scopes.find(answer).and_then(Value::as_str) else {
        return (login.scopes.clone(), Vec::new());
    };
    let names = text.split([login.scope_separator, ' ']).filter(|name| !name.is_empty());
    let granted: Vec<_> = names.map(str::to_owned).collect();
    let declined = login.scopes.iter().filter(|scope| !granted.contains(scope)).cloned().collect();
    (granted, declined)
}

async fn account(
    caller: &Caller,
    identity: &Identity,
    token_answer: &Value,
    tokens: &Tokens,
) -> Result<String, ProviderError> {
    let asked;
    let answer = match &identity.url {
        Some(url) => {
            let call = caller.client().get(url.0.clone()).bearer_auth(tokens.access_token.expose_secret());
            asked = read_json(caller.send(call.header(ACCEPT, "application/json")).await?).await?;
            &asked
        }
        None => token_answer,
    };
    match identity.field.find(answer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(ProviderError::Unreadable),
    }
}
