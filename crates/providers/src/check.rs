//! Checks an app at its provider, without an end user.

use secrecy::SecretString;
use terra_auth_egress::HttpClient;
use terra_auth_model::provider::{AppCheck, ClientCredentials, CodeExchange};
use url::Url;

use crate::{
    oauth,
    recipe::login::Login,
    registry::{ConfiguredProvider, UnknownProfile},
    response::{ErrorSubject, ProviderResponseError},
};

/// Tries to exchange a made-up code. Most providers check the app before the code.
///
/// If that fails and the recipe has profiles, tries the other profiles too, to suggest the right one.
pub(crate) async fn check(
    caller: &HttpClient,
    known: &ConfiguredProvider,
    client: &ClientCredentials,
    redirect_uri: &Url,
) -> AppCheck {
    let profile = client.profile.as_deref();
    let verdict = match known.login_of(client) {
        Ok(login) => ask(caller, login, client, redirect_uri).await,
        Err(UnknownProfile) => {
            AppCheck::UnknownProfile { profile: profile.unwrap_or_default().to_owned(), known: known.profiles() }
        }
    };
    if matches!(verdict, AppCheck::Known | AppCheck::Unreachable(_)) {
        return verdict;
    }
    for (name, login) in known.logins().filter(|(name, _)| *name != profile) {
        if let AppCheck::Known = ask(caller, login, client, redirect_uri).await {
            return AppCheck::OtherProfile { profile: name.map(str::to_owned) };
        }
    }
    verdict
}

async fn ask(caller: &HttpClient, login: &Login, client: &ClientCredentials, redirect_uri: &Url) -> AppCheck {
    let exchange = CodeExchange {
        code: SecretString::from("terra-auth-providers-check"),
        code_verifier: SecretString::from("terra-auth-providers-check-with-no-login-behind-it"),
        redirect_uri: redirect_uri.clone(),
        scope: None,
        reference_id: None,
    };
    match oauth::request_tokens(caller, login, client, &exchange).await {
        Err(ProviderResponseError::Refused { blame: ErrorSubject::Grant, .. }) => AppCheck::Known,
        Err(ProviderResponseError::Refused { blame: ErrorSubject::App, code }) => AppCheck::Refused { code },
        Err(error @ ProviderResponseError::Call(_)) => AppCheck::Unreachable(Box::new(error)),
        Err(error) => AppCheck::Unclear(Box::new(error)),
        Ok(_) => AppCheck::Unclear("it returned tokens for a made-up code".into()),
    }
}
