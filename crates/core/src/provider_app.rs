//! The operator's app at a provider, as one environment uses it.

mod administer;
mod check;

pub use administer::may_be_header;
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use terra_auth_types::{DevId, Provider};
use zeroize::Zeroizing;

use crate::{
    auth::Auth,
    developer::Developer,
    provider::{
        Answered, ClientCredentials, CodeExchange, Connects, Grant, ProviderError, ProviderInfo, RefreshError,
        Refreshed, RevokeError, Revoked, Tokens,
    },
    seal::{Place, SealBroken, Sealed},
    store::{StoreError, Tx, Unit},
};

/// An app as the server remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderApp {
    /// The environment that uses it.
    pub dev_id: DevId,
    /// Who knows it.
    pub provider: Provider,
    /// What the provider calls it; public.
    pub client_id: String,
    /// Its secret, and what goes along as headers.
    pub secret: AppSecret,
    /// The secret before, while one replaces the other.
    pub previous: Option<PreviousSecret>,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When the secret was set.
    pub changed_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// The profile of the provider's recipe that it uses; `None` is the recipe as it stands.
    pub profile: Option<String>,
}

/// What an app proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSecret {
    /// Client secret and headers.
    pub sealed: Sealed,
    /// The secret's last four characters; none of a short one.
    pub hint: String,
    /// The names of the headers.
    pub headers: Vec<String>,
}

/// A secret that another one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The old one.
    pub secret: AppSecret,
    /// When it is forgotten.
    pub until: Timestamp,
}

/// The verbs for apps.
#[async_trait]
pub trait ProviderApps: Send {
    /// Adds an app, or puts it in the place of the one there is.
    async fn put_provider_app(&mut self, app: &ProviderApp) -> Result<(), StoreError>;

    /// One app.
    async fn provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<Option<ProviderApp>, StoreError>;

    /// All apps, by environment and provider. An app outlives its environment: grants are still to be revoked with it.
    async fn provider_apps(&mut self) -> Result<Vec<ProviderApp>, StoreError>;

    /// Removes an app; answers whether it was there.
    async fn remove_provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<bool, StoreError>;

    /// Records a later use.
    async fn touch_provider_app(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        used_at: Timestamp,
    ) -> Result<(), StoreError>;
}

/// What a call to a provider is made with: `None` is the server's own app.
struct Apps {
    newest: Option<ClientCredentials>,
    previous: Option<ClientCredentials>,
}

impl Auth {
    /// Whether end users of an environment can connect a provider.
    #[must_use]
    pub fn offers_provider(&self, developer: &Developer, info: &ProviderInfo) -> bool {
        let has_app = || {
            self.providers.has_app(&info.provider)
                || self.directory.provider_app(&developer.dev_id, &info.provider).is_some()
        };
        developer.enables(info) && (info.connects == Connects::OnDevice || has_app())
    }

    /// The providers that some environment of this server can connect.
    #[must_use]
    pub fn integrations(&self) -> Vec<ProviderInfo> {
        let with_app = self.directory.providers_with_app();
        let can = move |info: &&ProviderInfo| {
            info.connects == Connects::OnDevice
                || self.providers.has_app(&info.provider)
                || with_app.contains(&info.provider)
        };
        self.providers.list().iter().filter(can).cloned().collect()
    }

    /// The app that an environment logs its end users in with.
    pub(crate) fn app_for_login(
        &self,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<Option<ClientCredentials>, ProviderError> {
        Ok(self.apps(dev_id, provider).map_err(unreadable_app)?.newest)
    }

    /// Exchanges a code; while one secret replaces another, with the one that the provider knows.
    pub(crate) async fn exchange_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        exchange: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        let apps = self.apps(dev_id, provider).map_err(unreadable_app)?;
        let grant = self.providers.exchange(provider, apps.newest.as_ref(), exchange).await;
        match (&grant, &apps.previous) {
            (Err(ProviderError::AppRefused { .. }), Some(previous)) => {
                self.providers.exchange(provider, Some(previous), exchange).await
            }
            _ => grant,
        }
    }

    /// Refreshes tokens likewise: a provider that refuses the app has not looked at the grant.
    pub(crate) async fn refresh_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        let unreadable = |_| RefreshError::AppRefused { code: UNREADABLE.to_owned() };
        let apps = self.apps(dev_id, provider).map_err(unreadable)?;
        let refreshed = self.providers.refresh(provider, apps.newest.as_ref(), tokens).await;
        match (&refreshed, &apps.previous) {
            (Err(RefreshError::AppRefused { .. }), Some(previous)) => {
                self.providers.refresh(provider, Some(previous), tokens).await
            }
            _ => refreshed,
        }
    }

    /// Uses an access token once, which no secret is needed for.
    pub(crate) async fn confirm_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        let apps = self.apps(dev_id, provider).map_err(unreadable_app)?;
        self.providers.confirm(provider, apps.newest.as_ref(), tokens).await
    }

    /// Revokes a grant likewise.
    pub(crate) async fn revoke_at(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        account: Option<&str>,
        tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        let unreadable = |_| Answered { status: None, code: Some(UNREADABLE.to_owned()) };
        let apps = self.apps(dev_id, provider).map_err(|broken| RevokeError::AppRefused(unreadable(broken)))?;
        let revoked = self.providers.revoke(provider, apps.newest.as_ref(), account, tokens).await;
        match (&revoked, &apps.previous) {
            (Err(RevokeError::AppRefused(_)), Some(previous)) => {
                self.providers.revoke(provider, Some(previous), account, tokens).await
            }
            _ => revoked,
        }
    }

    fn apps(&self, dev_id: &DevId, provider: &Provider) -> Result<Apps, SealBroken> {
        let Some(app) = self.directory.provider_app(dev_id, provider) else {
            return Ok(Apps { newest: None, previous: None });
        };
        let now = self.now();
        self.directory.app_used(dev_id, provider, now);
        let newest = self.open_app(&app, &app.secret)?;
        let living = app.previous.as_ref().filter(|previous| now < previous.until);
        let previous = living.map(|previous| self.open_app(&app, &previous.secret)).transpose()?;
        Ok(Apps { newest: Some(newest), previous })
    }

    fn open_app(&self, app: &ProviderApp, secret: &AppSecret) -> Result<ClientCredentials, SealBroken> {
        let opened = self.keys.open(place(&app.dev_id, &app.provider), &secret.sealed)?;
        let (client_secret, headers): (SecretString, _) = serde_json::from_slice(&opened).map_err(|_| SealBroken)?;
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
            sealed: self.keys.seal(self.entropy.as_ref(), place(dev_id, provider), text.as_bytes()),
            hint: hint(client_secret.expose_secret()),
            headers: headers.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// What takes the place of a secret that is lost: nothing that a provider could be asked with.
    pub(crate) fn no_app_secret(&self, app: &ProviderApp) -> AppSecret {
        let sealed = self.keys.seal(self.entropy.as_ref(), place(&app.dev_id, &app.provider), b"null");
        AppSecret { sealed, hint: String::new(), headers: app.secret.headers.clone() }
    }

    /// Writes down when apps were last used.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub(crate) async fn record_app_use(&self) -> Result<(), StoreError> {
        let used = self.directory.take_used_apps();
        if used.is_empty() { Ok(()) } else { self.store.run(TouchApps(used)).await }
    }
}

const UNREADABLE: &str = "unreadable_secret";

fn unreadable_app(_: SealBroken) -> ProviderError {
    ProviderError::AppRefused { code: UNREADABLE.to_owned() }
}

fn place<'a>(dev_id: &'a DevId, provider: &'a Provider) -> Place<'a> {
    Place { dev_id: dev_id.as_str(), row: provider.as_str(), column: "app secret" }
}

/// Enough to tell secrets apart, and never much of one.
fn hint(secret: &str) -> String {
    let length = secret.chars().count();
    if length < 16 { String::new() } else { secret.chars().skip(length - 4).collect() }
}

struct TouchApps(Vec<(DevId, Provider, Timestamp)>);

#[async_trait]
impl Unit for TouchApps {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for (dev_id, provider, used_at) in &self.0 {
            tx.touch_provider_app(dev_id, provider, *used_at).await?;
        }
        Ok(())
    }
}
