//! Refreshes tokens: RFC 6749 §6, and the deviations of recipes.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::{StatusCode, header::ACCEPT};
use secrecy::ExposeSecret;
use terra_auth_egress::{CallError, HttpClient};
use terra_auth_model::provider::{ClientCredentials, ProviderError, RefreshError, Refreshed, Tokens};

use crate::{
    form::{Form, with_headers},
    oauth::authenticated,
    recipe::{login::Login, refresh::Refresh},
    response::{ErrorSubject, ProviderResponseError, read_json},
    token_response::{self, ReportedScopes},
};

/// The maximum delay that a provider can request.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Uses the refresh token once. The expiry of the new tokens counts from `now`.
pub(crate) async fn refresh(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    tokens: &Tokens,
    now: Timestamp,
) -> Result<Refreshed, RefreshError> {
    let recipe = login.refresh.as_ref().ok_or(RefreshError::Unknown)?;
    let none_to_send = || RefreshError::GrantRefused { code: "no_refresh_token".to_owned() };
    let old = tokens.refresh_token.as_ref().ok_or_else(none_to_send)?;
    let mut form: Form<'_> =
        vec![("grant_type", "refresh_token".into()), ("refresh_token", old.expose_secret().into())];
    if !recipe.scopes.is_empty() {
        form.push((&login.scope_parameter, login.write_scopes(&recipe.scopes).into()));
    }
    form.extend(recipe.params.pairs());
    let url = recipe.url.as_ref().unwrap_or(&login.token_url);
    let call = recipe.request.begin(caller, url.0.clone()).header(ACCEPT, "application/json");
    let call = authenticated(call, recipe.client_auth.or(Some(login.client_auth)), client, &mut form);
    let response = caller.send(recipe.request.fill(call, &form)).await.map_err(unsent_or_lost)?;
    let answer = read_json(response, &login.answer).await.map_err(|error| refresh_error_of(error, recipe, now))?;
    let new = token_response::read(login, &answer, Some(old), now).ok_or(RefreshError::Unreadable)?;
    let scopes = match new.scopes {
        // A refresh with explicit scopes returns these, and not all granted ones.
        ReportedScopes::Told(scopes) if recipe.scopes.is_empty() => Some(scopes),
        _ => None,
    };
    Ok(Refreshed { tokens: new.tokens, scopes })
}

/// Calls the confirmation URL of the recipe with the access token. Any success status counts.
pub(crate) async fn confirm(
    caller: &HttpClient,
    login: &Login,
    client: &ClientCredentials,
    tokens: &Tokens,
) -> Result<(), ProviderError> {
    let Some(url) = login.refresh.as_ref().and_then(|refresh| refresh.confirm_url.as_ref()) else { return Ok(()) };
    let call = caller.client().get(url.0.clone()).bearer_auth(tokens.access_token.expose_secret());
    let response = caller
        .send(with_headers(call, client).header(ACCEPT, "application/json"))
        .await
        .map_err(ProviderResponseError::from)?;
    if response.status().is_success() {
        return Ok(());
    }
    match read_json(response, &login.answer).await {
        Ok(_) => Err(ProviderError::Unreadable),
        Err(error) => Err(error.into()),
    }
}

/// Maps a call error: without a connection, the request was not sent; after that, its outcome is unknown.
fn unsent_or_lost(error: CallError) -> RefreshError {
    match &error {
        CallError::Forbidden(_) => RefreshError::NotReached(Box::new(error)),
        CallError::Failed(cause) if cause.is_connect() || cause.is_builder() => {
            RefreshError::NotReached(Box::new(error))
        }
        CallError::Failed(_) => RefreshError::AnswerLost(Box::new(error)),
        CallError::TooLarge => RefreshError::Unreadable,
    }
}

fn refresh_error_of(error: ProviderResponseError, recipe: &Refresh, now: Timestamp) -> RefreshError {
    let did_nothing = |status: &StatusCode| recipe.untouched.contains(&status.as_u16());
    match error {
        ProviderResponseError::Throttled { retry_after } => {
            RefreshError::Throttled { retry_after: retry_after.and_then(|text| retry_after_of(&text, now)) }
        }
        ProviderResponseError::Refused { code, blame: ErrorSubject::Grant } => RefreshError::GrantRefused { code },
        ProviderResponseError::Refused { code, blame: ErrorSubject::App } => RefreshError::AppRefused { code },
        ProviderResponseError::Busy(status) | ProviderResponseError::Opaque(status) if did_nothing(&status) => {
            RefreshError::NotReached(Box::new(error))
        }
        ProviderResponseError::Refused { blame: ErrorSubject::Unknown, .. } | ProviderResponseError::Busy(_) => {
            RefreshError::AnswerLost(Box::new(error))
        }
        ProviderResponseError::Call(CallError::TooLarge)
        | ProviderResponseError::Opaque(_)
        | ProviderResponseError::Unreadable => RefreshError::Unreadable,
        ProviderResponseError::Call(error) => RefreshError::AnswerLost(Box::new(error)),
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn retry_after_of(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let seconds = || text.parse().ok().map(|seconds: u32| SignedDuration::from_secs(seconds.into()));
    let until = || rfc2822::parse(text).ok().map(|date| date.timestamp().duration_since(now));
    let pause = seconds().or_else(until)?;
    Some(pause.clamp(SignedDuration::ZERO, MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::retry_after_of;

    #[test]
    fn a_pause_is_read_in_seconds_or_as_a_date_and_has_an_end() {
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("4000000000", Some(86_400)),
            ("Tue, 01 Jan 2030 00:01:00 GMT", Some(60)),
            ("Mon, 31 Dec 2029 23:59:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after_of(text, now), seconds.map(SignedDuration::from_secs), "{text}");
        }
    }
}
