//! The providers, as recipes and credentials make them.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use terra_auth_core::{
    clock::Clock,
    provider::{
        AuthorizationRequest, CodeExchange, Connects, Grant, ProviderError, ProviderInfo, Providers, RefreshError,
        RefreshPolicy, Refreshed, Tokens,
    },
};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    caller::{Caller, SetupError},
    check::{self, AppCheck},
    guard::AddressPolicy,
    oauth::{self, ClientCredentials},
    recipe::{Recipe, login::Login},
    recipes::Recipes,
    refresh, revoke,
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
    recipe: Recipe,
    login: Login,
    client: ClientCredentials,
}

impl OAuthProviders {
    /// Puts recipes and credentials together; `credentials` is asked once for each provider with a login.
    ///
    /// What is listed can be connected: a login needs credentials, and a provider that has not shut down.
    ///
    /// # Errors
    ///
    /// There is no HTTP client.
    pub fn new(
        recipes: Recipes,
        credentials: impl Fn(&Provider) -> Option<ClientCredentials>,
        policy: AddressPolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let (mut list, mut apps) = (Vec::new(), HashMap::new());
        for recipe in recipes.0 {
            let info = recipe.info();
            let client = recipe.login.as_ref().and_then(|_| credentials(&info.provider));
            let can_log_in = client.is_some() && recipe.is_shut_down(clock.now()).is_none();
            if can_log_in || info.connects == Connects::OnDevice {
                list.push(info.clone());
            }
            if let (Some(login), Some(client)) = (recipe.login.clone(), client) {
                apps.insert(info.provider, App { recipe, login, client });
            }
        }
        Ok(Self { list, apps, caller: Caller::new(policy)?, clock })
    }

    /// Whether a provider knows the app, as far as that can be told without an end user. One harmless request.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unknown`].
    pub async fn check(&self, provider: &Provider, redirect_uri: Url) -> Result<AppCheck, ProviderError> {
        let App { login, client, .. } = self.app(provider)?;
        Ok(check::check(&self.caller, login, client, redirect_uri).await)
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
        let App { recipe, login, client } = self.app(provider)?;
        if let Some(shutdown) = recipe.is_shut_down(self.clock.now()) {
            return Err(ProviderError::ShutDown(shutdown.why.clone()));
        }
        if login.https_only_callback && request.redirect_uri.scheme() != "https" {
            return Err(ProviderError::InsecureCallback);
        }
        Ok(oauth::authorization_url(login, client, request))
    }

    async fn exchange(&self, provider: &Provider, exchange: &CodeExchange) -> Result<Grant, ProviderError> {
        let App { login, client, .. } = self.app(provider)?;
        oauth::exchange(&self.caller, login, client, exchange, self.clock.now()).await
    }

    fn issuer(&self, provider: &Provider) -> Option<&str> {
        self.apps.get(provider)?.login.issuer.as_deref()
    }

    fn refresh_policy(&self, provider: &Provider) -> Option<RefreshPolicy> {
        self.apps.get(provider)?.login.refresh.as_ref().map(|refresh| refresh.policy)
    }

    async fn refresh(&self, provider: &Provider, tokens: &Tokens) -> Result<Refreshed, RefreshError> {
        let App { login, client, .. } = self.apps.get(provider).ok_or(RefreshError::Unknown)?;
        refresh::refresh(&self.caller, login, client, tokens, self.clock.now()).await
    }

    /// A provider that offers no revocation is told nothing: there is nobody to ask.
    async fn revoke(&self, provider: &Provider, account: Option<&str>, tokens: &Tokens) -> Result<(), ProviderError> {
        let App { login, client, .. } = self.app(provider)?;
        match &login.revoke {
            Some(recipe) => revoke::revoke(&self.caller, recipe, client, account, tokens).await,
            None => Ok(()),
        }
    }
}
