//! The providers, as recipes and credentials make them.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use terra_auth_core::{
    clock::Clock,
    provider::{
        AppCheck, AuthorizationRequest, ClientCredentials, CodeExchange, Grant, Greeting, Notice, ProviderError,
        ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed, RevokeError, RevokePolicy, Revoked, Tokens,
    },
};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    caller::{Caller, SetupError},
    check,
    guard::AddressPolicy,
    oauth,
    recipe::{Recipe, login::Login, revoke::Revoke},
    recipes::Recipes,
    refresh, revoke,
};

/// All providers of a server, called over HTTP.
pub struct OAuthProviders {
    list: Vec<ProviderInfo>,
    logins: HashMap<Provider, Known>,
    apps: HashMap<Provider, ClientCredentials>,
    caller: Caller,
    clock: Arc<dyn Clock>,
}

/// A provider with a login.
struct Known {
    recipe: Recipe,
    login: Login,
}

impl OAuthProviders {
    /// Puts recipes and the server's own apps together; `credentials` is asked once for each provider with a login.
    ///
    /// What has shut down is not listed.
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
        let (mut list, mut logins, mut apps) = (Vec::new(), HashMap::new(), HashMap::new());
        for recipe in recipes.0 {
            let info = recipe.info();
            if recipe.is_shut_down(clock.now()).is_none() {
                list.push(info.clone());
            }
            if let Some(login) = recipe.login.clone() {
                apps.extend(credentials(&info.provider).map(|client| (info.provider.clone(), client)));
                logins.insert(info.provider, Known { recipe, login });
            }
        }
        Ok(Self { list, logins, apps, caller: Caller::new(policy)?, clock })
    }

    /// A login, and the app to make it as.
    fn find<'a>(
        &'a self,
        provider: &Provider,
        app: Option<&'a ClientCredentials>,
    ) -> Result<(&'a Known, &'a ClientCredentials), ProviderError> {
        let known = self.logins.get(provider);
        known.zip(app.or_else(|| self.apps.get(provider))).ok_or(ProviderError::Unknown)
    }
}

#[async_trait]
impl Providers for OAuthProviders {
    fn list(&self) -> &[ProviderInfo] {
        &self.list
    }

    fn has_app(&self, provider: &Provider) -> bool {
        self.apps.contains_key(provider)
    }

    fn authorization_url(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        request: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        let (Known { recipe, login }, client) = self.find(provider, app)?;
        if let Some(shutdown) = recipe.is_shut_down(self.clock.now()) {
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
        let (known, client) = self.find(provider, app)?;
        oauth::exchange(&self.caller, &known.login, client, exchange, self.clock.now()).await
    }

    async fn check_app(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        redirect_uri: Url,
    ) -> Result<AppCheck, ProviderError> {
        let (known, client) = self.find(provider, app)?;
        Ok(check::check(&self.caller, &known.login, client, redirect_uri).await)
    }

    fn issuer(&self, provider: &Provider) -> Option<&str> {
        self.logins.get(provider)?.login.issuer.as_deref()
    }

    fn refresh_policy(&self, provider: &Provider) -> Option<RefreshPolicy> {
        self.logins.get(provider)?.login.refresh.as_ref().map(|refresh| refresh.policy)
    }

    async fn refresh(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let known = self.logins.get(provider).ok_or(RefreshError::Unknown)?;
        let no_app = || RefreshError::AppRefused { code: "no_app".to_owned() };
        let client = app.or_else(|| self.apps.get(provider)).ok_or_else(no_app)?;
        refresh::refresh(&self.caller, &known.login, client, tokens, self.clock.now()).await
    }

    fn read_notice(&self, provider: &Provider, body: &[u8]) -> Option<Notice> {
        Some(self.logins.get(provider)?.login.notice.as_ref()?.read(body))
    }

    fn greet(&self, provider: &Provider, query: &[(String, String)]) -> Option<Greeting> {
        let token = self.apps.get(provider).and_then(|app| app.notice_token.as_ref());
        self.logins.get(provider)?.login.notice.as_ref()?.greet(token, query)
    }

    fn revoke_policy(&self, provider: &Provider) -> Option<RevokePolicy> {
        self.logins.get(provider)?.login.revoke.as_ref().map(Revoke::policy)
    }

    async fn revoke(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        account: Option<&str>,
        tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        let Known { login, .. } = self.logins.get(provider).ok_or(RevokeError::Unknown)?;
        let recipe = login.revoke.as_ref().ok_or(RevokeError::NoCall)?;
        let client = app.or_else(|| self.apps.get(provider)).ok_or(RevokeError::Unknown)?;
        revoke::revoke(&self.caller, recipe, &login.answer, client, account, tokens).await
    }
}
