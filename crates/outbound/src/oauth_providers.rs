//! The providers, as recipes and credentials make them.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use terra_auth_core::{
    clock::Clock,
    provider::{
        AuthorizationRequest, CodeExchange, Grant, ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy,
        Refreshed, Tokens,
    },
};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    caller::{Caller, SetupError},
    guard::AddressPolicy,
    oauth::{self, ClientCredentials},
    recipe::{Login, Recipe},
    recipes::Recipes,
    revoke,
};

/// All providers of a server, called over HTTP.
pub struct OAuthProviders {
    list: Vec<ProviderInfo>,
    apps: HashMap<Provider, App>,
    caller: Caller,
    clock: Arc<dyn Clock>,
}

/// The operator's app at one provider.
struct App {
    login: Login,
    client: ClientCredentials,
}

/// Why the providers cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// There is a recipe for a login, and no app to log in to.
    #[error("there are no client credentials for {0}")]
    MissingCredentials(Provider),
    /// There is no HTTP client.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl OAuthProviders {
    /// Puts recipes and credentials together; `credentials` is asked once for each provider with a login.
    ///
    /// # Errors
    ///
    /// See [`ProvidersError`].
    pub fn new(
        recipes: Recipes,
        credentials: impl Fn(&Provider) -> Option<ClientCredentials>,
        policy: AddressPolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ProvidersError> {
        let list: Vec<_> = recipes.0.iter().map(Recipe::info).collect();
        let mut apps = HashMap::new();
        for (info, recipe) in list.iter().zip(recipes.0) {
            let Some(login) = recipe.login else { continue };
            let provider = info.provider.clone();
            let client = credentials(&provider).ok_or_else(|| ProvidersError::MissingCredentials(provider.clone()))?;
            apps.insert(provider, App { login, client });
        }
        Ok(Self { list, apps, caller: Caller::new(policy)?, clock })
    }

    fn app(&self, provider: &Provider) -> Result<&App, ProviderError> {
        self.apps.get(provider).ok_or(ProviderError::Unknown)
    }
}

#[async_trait]
impl Providers for OAuthProviders {
    fn list(&self) -> &[ProviderInfo] {
        &self.list
    }

    fn authorization_url(&self, provider: &Provider, request: &AuthorizationRequest) -> Result<Url, ProviderError> {
        let App { login, client } = self.app(provider)?;
        Ok(oauth::authorization_url(login, client, request))
    }

    async fn exchange(&self, provider: &Provider, exchange: &CodeExchange) -> Result<Grant, ProviderError> {
        let App { login, client } = self.app(provider)?;
        oauth::exchange(&self.caller, login, client, exchange, self.clock.now()).await
    }

    fn issuer(&self, provider: &Provider) -> Option<&str> {
        self.apps.get(provider)?.login.issuer.as_deref()
    }

    /// No recipe says how, so far.
    fn refresh_policy(&self, _: &Provider) -> Option<RefreshPolicy> {
        None
    }

    async fn refresh(&self, _: &Provider, _: &Tokens) -> Result<Refreshed, RefreshError> {
        Err(RefreshError::Unknown)
    }

    /// A provider that offers no revocation is told nothing: there is nobody to ask.
    async fn revoke(&self, provider: &Provider, _: Option<&str>, tokens: &Tokens) -> Result<(), ProviderError> {
        let App { login, client } = self.app(provider)?;
        match &login.revoke {
            Some(recipe) => revoke::revoke(&self.caller, recipe, client, tokens).await,
            None => Ok(()),
        }
    }
}
