//! The operator's apps at providers.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, Provider, wire::admin::AdminProviderApp};

use crate::{keys::sealed::Sealed, store_error::StoreError};

/// An app as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderApp {
    /// The environment that uses it.
    pub dev_id: DevId,
    /// The provider where the app is registered.
    pub provider: Provider,
    /// The client id; public.
    pub client_id: String,
    /// The client secret and the extra headers.
    pub secret: AppSecret,
    /// The previous secret, while the new one replaces it.
    pub previous: Option<PreviousSecret>,
    /// When the app was first set.
    pub created_at: Timestamp,
    /// When the secret was last set.
    pub changed_at: Timestamp,
    /// When the app was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// The recipe profile that the app uses; `None` means the recipe without a profile.
    pub profile: Option<String>,
}

/// The credentials of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSecret {
    /// The client secret and the headers, encrypted.
    pub sealed: Sealed,
    /// The last four characters of the secret; empty if the secret is short.
    pub hint: String,
    /// The names of the headers.
    pub headers: Vec<String>,
}

/// A secret that is being replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The old secret.
    pub secret: AppSecret,
    /// When the old secret expires.
    pub until: Timestamp,
}

/// The verbs for apps.
#[async_trait]
pub trait ProviderApps: Send {
    /// Adds an app, or replaces it.
    async fn put_provider_app(&mut self, app: &ProviderApp) -> Result<(), StoreError>;

    /// Reads one app.
    async fn provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<Option<ProviderApp>, StoreError>;

    /// Reads all apps, ordered by environment and provider. An app outlives its environment, because it revokes
    /// the grants.
    async fn provider_apps(&mut self) -> Result<Vec<ProviderApp>, StoreError>;

    /// Removes an app; returns whether it existed.
    async fn remove_provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<bool, StoreError>;

    /// Records when an app was used.
    async fn touch_provider_app(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        used_at: Timestamp,
    ) -> Result<(), StoreError>;
}

impl ProviderApp {
    /// Converts to the wire type, without the secret.
    #[must_use]
    pub fn to_wire(&self, now: Timestamp) -> AdminProviderApp {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        AdminProviderApp {
            provider: self.provider.clone(),
            client_id: self.client_id.clone(),
            hint: self.secret.hint.clone(),
            headers: self.secret.headers.clone(),
            profile: self.profile.clone(),
            created_at: self.created_at,
            changed_at: self.changed_at,
            last_used_at: self.last_used_at,
            previous_hint: previous.map(|previous| previous.secret.hint.clone()),
            previous_until: previous.map(|previous| previous.until),
        }
    }
}
