//! The providers of a server: recipes and credentials.

use std::sync::Arc;

use arc_swap::ArcSwap;

use async_trait::async_trait;
use terra_auth_egress::{AddressPolicy, HttpClient, Proxies, SetupError};
use terra_auth_model::{
    clock::Clock,
    provider::{
        AppCheck, AuthorizationRequest, ClientCredentials, CodeExchange, Grant, ProviderError, ProviderInfo,
        ProviderNotification, Providers, RefreshError, RefreshPolicy, Refreshed, RevokeError, RevokePolicy,
        RevokeResponse, Revoked, SubscriptionChallenge, Tokens,
    },
};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    check, oauth,
    recipe::revoke::Revoke,
    recipes::Recipes,
    refresh,
    registry::{ConfiguredProvider, ProviderRegistry, UNKNOWN_PROFILE, UnknownProfile},
    revoke,
};

/// All providers of a server, called over HTTP.
pub struct OAuthProviders {
    registry: ArcSwap<ProviderRegistry>,
    caller: HttpClient,
    clock: Arc<dyn Clock>,
}

impl OAuthProviders {
    /// Combines recipes and the server's own apps. Calls `credentials` once for each provider with a login.
    ///
    /// Skips providers that have shut down.
    ///
    /// # Errors
    ///
    /// The HTTP client could not be set up.
    pub fn new(
        recipes: Recipes,
        credentials: impl Fn(&Provider) -> Option<ClientCredentials>,
        policy: AddressPolicy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let registry = ArcSwap::from_pointee(ProviderRegistry::new(recipes, credentials, clock.now()));
        Ok(Self { registry, caller: HttpClient::new(policy, Proxies::Environment)?, clock })
    }

    /// Replaces all recipes and apps. Running calls finish with the old ones.
    pub fn exchange_recipes(&self, recipes: Recipes, credentials: impl Fn(&Provider) -> Option<ClientCredentials>) {
        let registry = Arc::new(ProviderRegistry::new(recipes, credentials, self.clock.now()));
        let (logins, apps) = (registry.logins.len(), registry.apps.len());
        tracing::info!(logins, apps, "loaded recipes: {logins} providers with a login, {apps} with an app");
        self.registry.store(registry);
    }

    fn registry(&self) -> Arc<ProviderRegistry> {
        self.registry.load_full()
    }
}

#[async_trait]
impl Providers for OAuthProviders {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.registry().list)
    }

    fn has_app(&self, provider: &Provider) -> bool {
        self.registry().apps.contains_key(provider)
    }

    fn authorization_url(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        request: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        let registry = self.registry();
        let (known, client) = registry.find(provider, app)?;
        let login = known.login_of(client)?;
        if let Some(shutdown) = known.recipe.is_shut_down(self.clock.now()) {
            return Err(ProviderError::ShutDown(shutdown.why.clone()));
        }
        if login.https_only_callback && request.redirect_uri.scheme() != "https" {
            return Err(ProviderError::InsecureCallback);
        }
        Ok(oauth::authorization_url(login, client, request))
    }

    async fn exchange(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        exchange: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        let registry = self.registry();
        let (known, client) = registry.find(provider, app)?;
        oauth::exchange(&self.caller, known.login_of(client)?, client, exchange, self.clock.now()).await
    }

    async fn check_app(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        redirect_uri: Url,
    ) -> Result<AppCheck, ProviderError> {
        let registry = self.registry();
        let (known, client) = registry.find(provider, app)?;
        Ok(check::check(&self.caller, known, client, &redirect_uri).await)
    }

    fn issuer(&self, provider: &Provider) -> Option<String> {
        self.registry().logins.get(provider)?.login.issuer.clone()
    }

    fn refresh_policy(&self, provider: &Provider) -> Option<RefreshPolicy> {
        self.registry().logins.get(provider)?.login.refresh.as_ref().map(|refresh| refresh.policy)
    }

    fn profiles(&self, provider: &Provider) -> Vec<String> {
        self.registry().logins.get(provider).map(ConfiguredProvider::profiles).unwrap_or_default()
    }

    fn refreshable_providers(&self) -> Vec<Provider> {
        let registry = self.registry();
        let refreshed = registry.logins.iter().filter(|(_, known)| known.login.refresh.is_some());
        refreshed.map(|(provider, _)| provider.clone()).collect()
    }

    async fn refresh(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let registry = self.registry();
        let known = registry.logins.get(provider).ok_or(RefreshError::Unknown)?;
        let refused = |code: &str| RefreshError::AppRefused { code: code.to_owned() };
        let client = app.or_else(|| registry.apps.get(provider)).ok_or_else(|| refused("no_app"))?;
        let login = known.login_of(client).map_err(|UnknownProfile| refused(UNKNOWN_PROFILE))?;
        refresh::refresh(&self.caller, login, client, tokens, self.clock.now()).await
    }

    async fn confirm(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        let registry = self.registry();
        let (known, client) = registry.find(provider, app)?;
        refresh::confirm(&self.caller, known.login_of(client)?, client, tokens).await
    }

    fn read_notification(&self, provider: &Provider, body: &[u8]) -> Option<ProviderNotification> {
        Some(self.registry().logins.get(provider)?.login.notice.as_ref()?.read(body))
    }

    fn answer_challenge(&self, provider: &Provider, query: &[(String, String)]) -> Option<SubscriptionChallenge> {
        let registry = self.registry();
        let token = registry.apps.get(provider).and_then(|app| app.notification_token.as_ref());
        registry.logins.get(provider)?.login.notice.as_ref()?.greet(token, query)
    }

    fn revoke_policy(&self, provider: &Provider) -> Option<RevokePolicy> {
        self.registry().logins.get(provider)?.login.revoke.as_ref().map(Revoke::policy)
    }

    async fn revoke(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        account: Option<&str>,
        tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        let registry = self.registry();
        let known = registry.logins.get(provider).ok_or(RevokeError::Unknown)?;
        if known.login.revoke.is_none() {
            return Err(RevokeError::NoCall);
        }
        let client = app.or_else(|| registry.apps.get(provider)).ok_or(RevokeError::Unknown)?;
        let unknown = RevokeResponse { status: None, code: Some(UNKNOWN_PROFILE.to_owned()) };
        let login = known.login_of(client).map_err(|UnknownProfile| RevokeError::AppRefused(unknown))?;
        let recipe = login.revoke.as_ref().ok_or(RevokeError::NoCall)?;
        revoke::revoke(&self.caller, recipe, &login.answer, client, account, tokens).await
    }
}
