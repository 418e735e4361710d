//! An environment's app at a provider, and the calls that use it.

mod administer;
mod check;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use terra_auth_model::{
    developer::Developer,
    keys::{SealContext, UnsealError},
    provider::{
        ClientCredentials, CodeExchange, Connects, Grant, ProviderError, ProviderInfo, RefreshError, Refreshed,
        RevokeError, RevokeResponse, Revoked, Tokens,
    },
    provider_app::{AppSecret, ProviderApp},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{DevId, Provider};
use zeroize::Zeroizing;

use crate::auth::Auth;
pub use administer::may_be_header;

/// The credentials for a call to a provider; `None` means the server's own app.
struct AppCredentials {
    newest: Option<ClientCredentials>,
    previous: Option<ClientCredentials>,
}

impl Auth {
    /// Whether the end users of an environment can connect a provider.
    #[must_use]
    pub fn offers_provider(&self, developer: &Developer, info: &ProviderInfo) -> bool {
        let has_app = || {
            self.providers().has_app(&info.provider)
                || self.directory().provider_app(&developer.dev_id, &info.provider).is_some()
        };
        developer.enables(info) && (info.connects == Connects::OnDevice || has_app())
    }

    /// The providers that at least one environment of this server can connect.
    #[must_use]
    pub fn integrations(&self) -> Vec<ProviderInfo> {
        let with_app = self.directory().providers_with_app();
        let can = move |info: &&ProviderInfo| {
            info.connects == Connects::OnDevice
                || self.providers().has_app(&info.provider)
                || with_app.contains(&info.provider)
        };
        self.providers().list().iter().filter(can).cloned().collect()
    }

    /// The app that an environment uses for logins.
    pub(crate) fn app_for_login(
        &self,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<Option<ClientCredentials>, ProviderError> {
        Ok(self.apps(dev_id, provider).map_err(unreadable_app)?.newest)
    }

    /// Exchanges a code. Tries the previous secret if the provider rejects the new one.
    pub(crate) async fn exchange_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        exchange: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        let apps = self.apps(dev_id, provider).map_err(unreadable_app)?;
        let grant = self.providers().exchange(provider, apps.newest.as_ref(), exchange).await;
        match (&grant, &apps.previous) {
            (Err(ProviderError::AppRefused { .. }), Some(previous)) => {
                self.providers().exchange(provider, Some(previous), exchange).await
            }
            _ => grant,
        }
    }

    /// Refreshes tokens. Tries the previous secret too: a provider that rejects the app has not used the
    /// refresh token.
    pub(crate) async fn refresh_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let unreadable = |_| RefreshError::AppRefused { code: UNREADABLE_SECRET_CODE.to_owned() };
        let apps = self.apps(dev_id, provider).map_err(unreadable)?;
        let refreshed = self.providers().refresh(provider, apps.newest.as_ref(), tokens).await;
        match (&refreshed, &apps.previous) {
            (Err(RefreshError::AppRefused { .. }), Some(previous)) => {
                self.providers().refresh(provider, Some(previous), tokens).await
            }
            _ => refreshed,
        }
    }

    /// Uses an access token once. No secret is needed.
    pub(crate) async fn confirm_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        let apps = self.apps(dev_id, provider).map_err(unreadable_app)?;
        self.providers().confirm(provider, apps.newest.as_ref(), tokens).await
    }

    /// Revokes a grant. Tries the previous secret if the provider rejects the new one.
    pub(crate) async fn revoke_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        account: Option<&str>,
        tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        let unreadable = |_| RevokeResponse { status: None, code: Some(UNREADABLE_SECRET_CODE.to_owned()) };
        let apps = self.apps(dev_id, provider).map_err(|broken| RevokeError::AppRefused(unreadable(broken)))?;
        let revoked = self.providers().revoke(provider, apps.newest.as_ref(), account, tokens).await;
        match (&revoked, &apps.previous) {
            (Err(RevokeError::AppRefused(_)), Some(previous)) => {
                self.providers().revoke(provider, Some(previous), account, tokens).await
            }
            _ => revoked,
        }
    }

    fn apps(&self, dev_id: &DevId, provider: &Provider) -> Result<AppCredentials, UnsealError> {
        let Some(app) = self.directory().provider_app(dev_id, provider) else {
            return Ok(AppCredentials { newest: None, previous: None });
        };
        let now = self.now();
        self.directory().app_used(dev_id, provider, now);
        let newest = self.open_app(&app, &app.secret)?;
        let living = app.previous.as_ref().filter(|previous| now < previous.until);
        let previous = living.map(|previous| self.open_app(&app, &previous.secret)).transpose()?;
        Ok(AppCredentials { newest: Some(newest), previous })
    }

    fn open_app(&self, app: &ProviderApp, secret: &AppSecret) -> Result<ClientCredentials, UnsealError> {
        let opened = self.keys().open(secret_seal_context(&app.dev_id, &app.provider), &secret.sealed)?;
        let (client_secret, headers): (SecretString, _) = serde_json::from_slice(&opened).map_err(|_| UnsealError)?;
        let profile = app.profile.clone();
        Ok(ClientCredentials { headers, profile, ..ClientCredentials::new(&app.client_id, client_secret) })
    }

    fn seal_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        client_secret: &SecretString,
        headers: &[(String, SecretString)],
    ) -> AppSecret {
        let shown: Vec<_> = headers.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        let text = Zeroizing::new(json!([client_secret.expose_secret(), shown]).to_string());
        AppSecret {
            sealed: self.keys().seal(self.entropy().as_ref(), secret_seal_context(dev_id, provider), text.as_bytes()),
            hint: secret_hint(client_secret.expose_secret()),
            headers: headers.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Creates a placeholder for a lost secret. No call can be made with it.
    pub(crate) fn placeholder_app_secret(&self, app: &ProviderApp) -> AppSecret {
        let sealed =
            self.keys().seal(self.entropy().as_ref(), secret_seal_context(&app.dev_id, &app.provider), b"null");
        AppSecret { sealed, hint: String::new(), headers: app.secret.headers.clone() }
    }

    /// Stores when apps were last used.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub(crate) async fn record_app_use(&self) -> Result<(), StoreError> {
        let used = self.directory().take_used_apps();
        if used.is_empty() { Ok(()) } else { self.store().run(TouchApps(used)).await }
    }
}

const UNREADABLE_SECRET_CODE: &str = "unreadable_secret";

fn unreadable_app(_: UnsealError) -> ProviderError {
    ProviderError::AppRefused { code: UNREADABLE_SECRET_CODE.to_owned() }
}

fn secret_seal_context<'a>(dev_id: &'a DevId, provider: &'a Provider) -> SealContext<'a> {
    SealContext { dev_id: dev_id.as_str(), row: provider.as_str(), column: "app secret" }
}

/// The last four characters of a secret with at least 16, to tell secrets apart.
fn secret_hint(secret: &str) -> String {
    let length = secret.chars().count();
    if length < 16 { String::new() } else { secret.chars().skip(length - 4).collect() }
}

struct TouchApps(Vec<(DevId, Provider, Timestamp)>);

#[async_trait]
impl Unit for TouchApps {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for (dev_id, provider, used_at) in &self.0 {
            tx.touch_provider_app(dev_id, provider, *used_at).await?;
        }
        Ok(())
    }
}
