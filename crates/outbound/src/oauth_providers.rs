//! The providers, as recipes and credentials make them.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use terra_auth_core::{
    clock::Clock,
    provider::{
        Answered, AppCheck, AuthorizationRequest, ClientCredentials, CodeExchange, Grant, Greeting, Notice,
        ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed, RevokeError, RevokePolicy,
        Revoked, Tokens,
    },
};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    book::{Book, Known, UNKNOWN_PROFILE, UnknownProfile},
    caller::{Caller, SetupError},
    check,
    guard::AddressPolicy,
    oauth,
    proxy::Proxies,
    recipe::revoke::Revoke,
    recipes::Recipes,
    refresh, revoke,
};

/// All providers of a server, called over HTTP.
pub struct OAuthProviders {
    book: RwLock<Arc<Book>>,
    caller: Caller,
    clock: Arc<dyn Clock>,
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
        let book = RwLock::new(Arc::new(Book::new(recipes, credentials, clock.now())));
        Ok(Self { book, caller: Caller::new(policy, Proxies::Environment)?, clock })
    }

    /// Takes other recipes and apps in the place of all that there were. Calls under way end as they began.
    pub fn exchange_recipes(&self, recipes: Recipes, credentials: impl Fn(&Provider) -> Option<ClientCredentials>) {
        let book = Arc::new(Book::new(recipes, credentials, self.clock.now()));
        let (logins, apps) = (book.logins.len(), book.apps.len());
        tracing::info!(logins, apps, "took new recipes: {logins} providers with a login, {apps} with an app");
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
    }

    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Providers for OAuthProviders {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.book().list)
    }

    fn has_app(&self, provider: &Provider) -> bool {
        self.book().apps.contains_key(provider)
    }

    fn authorization_url(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        request: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        let book = self.book();
        let (known, client) = book.find(provider, app)?;
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
        let book = self.book();
        let (known, client) = book.find(provider, app)?;
        oauth::exchange(&self.caller, known.login_of(client)?, client, exchange, self.clock.now()).await
    }

    async fn check_app(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        redirect_uri: Url,
    ) -> Result<AppCheck, ProviderError> {
        let book = self.book();
        let (known, client) = book.find(provider, app)?;
        Ok(check::check(&self.caller, known, client, &redirect_uri).await)
    }

    fn issuer(&self, provider: &Provider) -> Option<String> {
        self.book().logins.get(provider)?.login.issuer.clone()
    }

    fn refresh_policy(&self, provider: &Provider) -> Option<RefreshPolicy> {
        self.book().logins.get(provider)?.login.refresh.as_ref().map(|refresh| refresh.policy)
    }

    fn profiles(&self, provider: &Provider) -> Vec<String> {
        self.book().logins.get(provider).map(Known::profiles).unwrap_or_default()
    }

    fn refreshed(&self) -> Vec<Provider> {
        let book = self.book();
        let refreshed = book.logins.iter().filter(|(_, known)| known.login.refresh.is_some());
        refreshed.map(|(provider, _)| provider.clone()).collect()
    }

    async fn refresh(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let book = self.book();
        let known = book.logins.get(provider).ok_or(RefreshError::Unknown)?;
        let refused = |code: &str| RefreshError::AppRefused { code: code.to_owned() };
        let client = app.or_else(|| book.apps.get(provider)).ok_or_else(|| refused("no_app"))?;
        let login = known.login_of(client).map_err(|UnknownProfile| refused(UNKNOWN_PROFILE))?;
        refresh::refresh(&self.caller, login, client, tokens, self.clock.now()).await
    }

    async fn confirm(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        let book = self.book();
        let (known, client) = book.find(provider, app)?;
        refresh::confirm(&self.caller, known.login_of(client)?, client, tokens).await
    }

    fn read_notice(&self, provider: &Provider, body: &[u8]) -> Option<Notice> {
        Some(self.book().logins.get(provider)?.login.notice.as_ref()?.read(body))
    }

    fn greet(&self, provider: &Provider, query: &[(String, String)]) -> Option<Greeting> {
        let book = self.book();
        let token = book.apps.get(provider).and_then(|app| app.notice_token.as_ref());
        book.logins.get(provider)?.login.notice.as_ref()?.greet(token, query)
    }

    fn revoke_policy(&self, provider: &Provider) -> Option<RevokePolicy> {
        self.book().logins.get(provider)?.login.revoke.as_ref().map(Revoke::policy)
    }

    async fn revoke(
        &self,
        provider: &Provider,
        app: Option<&ClientCredentials>,
        account: Option<&str>,
        tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        let book = self.book();
        let known = book.logins.get(provider).ok_or(RevokeError::Unknown)?;
        if known.login.revoke.is_none() {
            return Err(RevokeError::NoCall);
        }
        let client = app.or_else(|| book.apps.get(provider)).ok_or(RevokeError::Unknown)?;
        let unknown = Answered { status: None, code: Some(UNKNOWN_PROFILE.to_owned()) };
        let login = known.login_of(client).map_err(|UnknownProfile| RevokeError::AppRefused(unknown))?;
        let recipe = login.revoke.as_ref().ok_or(RevokeError::NoCall)?;
        revoke::revoke(&self.caller, recipe, &login.answer, client, account, tokens).await
    }
}
