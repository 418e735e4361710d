//! Whether a provider knows an app, as far as that can be told without an end user.

use secrecy::SecretString;
use terra_auth_core::provider::{ClientCredentials, CodeExchange};
use url::Url;

use crate::{
    answer::{Blame, NoAnswer},
    caller::Caller,
    oauth,
    recipe::login::Login,
};

/// What a provider makes of an app.
#[derive(Debug, thiserror::Error)]
pub enum AppCheck {
    /// It refused the code that nobody gave us, and did not mind the app.
    #[error("the provider knows the app")]
    Known,
    /// It does not accept the client id with this secret, or not for logins.
    #[error("the provider refuses the app: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// It answered something from which neither follows.
    #[error("the provider's answer leaves it open")]
    Unclear(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It could not be reached.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

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
