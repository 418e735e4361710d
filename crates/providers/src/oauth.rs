//! The authorization code grant: RFC 6749 with PKCE (RFC 7636), and the deviations of recipes.

use jiff::Timestamp;
use reqwest::{RequestBuilder, header::ACCEPT};
use secrecy::ExposeSecret;
use serde_json::Value;
use terra_auth_egress::HttpClient;
use terra_auth_model::provider::{AuthorizationRequest, ClientCredentials, CodeExchange, Grant, ProviderError, Tokens};
use toml::Spanned;
use url::{Url, form_urlencoded::byte_serialize};

use crate::{
    account,
    field::FieldPath,
    form::{Form, with_headers},
    recipe::{client_auth::ClientAuth, login::Login, scopes::GrantedScopes},
    response::{ProviderResponseError, read_json},
    token_response::{self, ReportedScopes, TokenAnswer},
};

/// The authorization URL (RFC 6749 §4.1.1).
pub(crate) fn authorization_url(login: &Login, client: &ClientCredentials, request: &AuthorizationRequest) -> Url {
    let mut url = login.authorize_url.0.clone();
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.client_id)
        .append_pair("redirect_uri", request.redirect_uri.as_str())
        .append_pair("state", &request.state);
    if !login.scopes.is_empty() {
        pairs.append_pair(&login.scope_parameter, &login.write_scopes(&login.scopes));
    }
    if login.pkce {
        pairs.append_pair("code_challenge", &request.code_challenge).append_pair("code_challenge_method", "S256");
    }
    pairs.extend_pairs(&login.authorize_params.0);
    drop(pairs);
    url
}

/// Exchanges a code for tokens (RFC 6749 §4.1.3), and identifies the account. The expiry counts from `now`.
pub(crate) async fn exchange(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    exchange: &CodeExchange,
    now: Timestamp,
) -> Result<Grant, ProviderError> {
    let answer = request_tokens(caller, login, client, exchange).await?;
    let read = token_response::read(login, &answer, None, now).ok_or(ProviderError::Unreadable)?;
    let tokens = read.tokens.clone();
    let granted = grant_of(caller, login, client, exchange, &answer, read).await;
    granted.map_err(|error| ProviderError::Incomplete { tokens: Box::new(tokens), source: Box::new(error) })
}

/// The steps after the token response.
async fn grant_of(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    exchange: &CodeExchange,
    answer: &Value,
    TokenAnswer { tokens, scopes }: TokenAnswer,
) -> Result<Grant, ProviderError> {
    let account = account::of(caller, login, client, answer, &tokens, exchange).await?;
    let scopes = match &login.granted_scopes {
        GrantedScopes::Redirect => exchange.scope.as_deref().map(|text| login.read_scopes(text)),
        GrantedScopes::Asked(url, field) => {
            let answer = account::fetch_account(caller, url, client, &tokens).await?;
            Some(asked_scopes(login, field.as_ref(), &answer).ok_or(ProviderError::Unreadable)?)
        }
        GrantedScopes::Field(_) | GrantedScopes::Untold => match scopes {
            ReportedScopes::Untold => None,
            ReportedScopes::Told(scopes) => Some(scopes),
            // A denied permission must not count as granted because of an unusual format.
            ReportedScopes::Unreadable => return Err(ProviderError::Unreadable),
        },
    };
    let grant = grant(login, scopes, account, tokens);
    if let Some(told) = login.after_consent.as_ref().filter(|_| grant.missing_scopes.is_empty()) {
        account::register_user(caller, told, client, &grant, exchange).await?;
    }
    Ok(grant)
}

/// Exchanges a code. Returns the raw response.
pub(crate) async fn request_tokens(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    exchange: &CodeExchange,
) -> Result<Value, ProviderResponseError> {
    let mut form: Form<'_> = vec![
        ("grant_type", "authorization_code".into()),
        ("code", exchange.code.expose_secret().into()),
        ("redirect_uri", exchange.redirect_uri.as_str().into()),
    ];
    if login.pkce {
        form.push(("code_verifier", exchange.code_verifier.expose_secret().into()));
    }
    form.extend(login.token_params.pairs());
    let call = login.token_request.begin(caller, login.token_url.0.clone()).header(ACCEPT, "application/json");
    let call = authenticated(call, Some(login.client_auth), client, &mut form);
    read_json(caller.send(login.token_request.fill(call, &form)).await?, &login.answer).await
}

/// Adds the client's credentials to a call or to its form.
pub(crate) fn authenticated<'a>(
    call: RequestBuilder,
    how: Option<ClientAuth>,
    client: &'a ClientCredentials,
    form: &mut Form<'a>,
) -> RequestBuilder {
    let call = with_headers(call, client);
    let secret = client.client_secret.expose_secret();
    match how {
        // Both parts are form-encoded first, because an id can contain a colon.
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

/// Reads scopes: a list, or text in the format of the provider.
fn asked_scopes(login: &Login, field: Option<&FieldPath>, answer: &Value) -> Option<Vec<String>> {
    match field.map_or(Some(answer), |field| field.find(answer))? {
        Value::String(text) => Some(login.read_scopes(text)),
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// If the response does not list the granted scopes, all were granted (RFC 6749 §5.1).
fn grant(login: &Login, scopes: Option<Vec<String>>, account: String, tokens: Tokens) -> Grant {
    let scopes = scopes.unwrap_or_else(|| login.scopes.clone());
    let refused = |scope: &&String| !scopes.contains(scope);
    let declined_scopes = login.scopes.iter().filter(refused).cloned().collect();
    let missing_scopes = login.required_scopes.iter().map(Spanned::get_ref).filter(refused).cloned().collect();
    Grant { account, scopes, declined_scopes, missing_scopes, tokens }
}
