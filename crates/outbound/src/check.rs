//! Whether a provider knows an app, as far as that can be told without an end user.

use secrecy::SecretString;
use terra_auth_core::provider::{AppCheck, ClientCredentials, CodeExchange};
use url::Url;

use crate::{
    answer::{Blame, NoAnswer},
    caller::Caller,
    oauth,
    recipe::login::Login,
};

/// Tries to exchange a code that the provider never gave. A provider looks at the app before it looks at the code, mostly.
pub(crate) async fn check(caller: &Caller, login: &Login, client: &ClientCredentials, redirect_uri: Url) -> AppCheck {
    let exchange = CodeExchange {
        code: SecretString::from("terra-auth-providers-check"),
        code_verifier: SecretString::from("terra-auth-providers-check-with-no-login-behind-it"),
        redirect_uri,
        scope: None,
        reference_id: None,
    };
    match oauth::redeem(caller, login, client, &exchange).await {
        Err(NoAnswer::Refused { blame: Blame::Grant, .. }) => AppCheck::Known,
        Err(NoAnswer::Refused { blame: Blame::App, code }) => AppCheck::Refused { code },
        Err(error @ NoAnswer::Call(_)) => AppCheck::Unreachable(Box::new(error)),
        Err(error) => AppCheck::Unclear(Box::new(error)),
        Ok(_) => AppCheck::Unclear("it gave tokens for a code that it never gave".into()),
    }
}
