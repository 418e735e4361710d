//! Environments; Terra's word for one is developer.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Environment, Provider,
    wire::admin::{ChangeEnvironment, EnvironmentSettings, SignWith},
};
use url::Url;

use crate::{keys::sealed::Sealed, provider::ProviderInfo, store_error::StoreError};

/// One environment and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Developer {
    /// The public id of the environment.
    pub dev_id: DevId,
    /// Testing, staging or production.
    pub environment: Environment,
    /// The name of the app in the widget.
    pub name: String,
    /// Shown above the widget.
    pub logo_url: Option<Url>,
    /// `#rrggbb`, for the widget's buttons.
    pub accent: Option<String>,
    /// The maximum number of users; `None` is no limit.
    pub user_limit: Option<u32>,
    /// The providers that it offers; `None` is all of the server's.
    pub providers: Option<Vec<Provider>>,
    /// Allowed redirect URLs, as prefixes; if empty, any safe URL is allowed.
    pub redirect_allow_list: Vec<Url>,
    /// The URL of its first webhook destination. It is stored there: `add_developer` and `update_developer` ignore it.
    pub destination: Option<Url>,
    /// Whether an end user who connects an account again keeps the user id.
    pub keep_user_id: bool,
    /// Whether only bound mobile tokens are accepted.
    pub bound_tokens_only: bool,
    /// The key that signs its events.
    pub signing_secret: Sealed,
    /// The previous key, during a rotation.
    pub retiring_secret: Option<RetiringSecret>,
    /// Whether its keys are accepted.
    pub status: EnvironmentStatus,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A signing secret that another one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiringSecret {
    /// The old key.
    pub secret: Sealed,
    /// When it is deleted.
    pub until: Timestamp,
    /// Which one signs until then.
    pub sign_with: SignWith,
}

/// Whether an environment accepts calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentStatus {
    /// It accepts calls.
    Active,
    /// Calls with its keys are rejected; its data remains.
    Disabled,
    /// It is being deleted, and no list shows it.
    Deleting,
}

impl EnvironmentStatus {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleting => "deleting",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Deleting].into_iter().find(|status| status.as_str() == name)
    }
}

/// The name of an environment whose operator has not chosen one, as for `terra-auth dev`.
pub const UNNAMED: &str = "Your app";

impl Developer {
    /// The name that the operator chose.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        (self.name != UNNAMED).then_some(&self.name)
    }

    /// Whether the environment offers a provider.
    #[must_use]
    pub fn enables(&self, info: &ProviderInfo) -> bool {
        self.providers.as_ref().is_none_or(|enabled| enabled.contains(&info.provider))
    }
}

/// The verbs for developers.
#[async_trait]
pub trait Developers: Send {
    /// Adds a developer. Returns whether it was new.
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// Replaces a developer's settings, all but its id, environment and creation. Returns whether it exists.
    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// One developer.
    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, locked for an administrative action: until this unit ends, no other unit changes it or connects an
    /// account.
    async fn lock_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, with a shared lock for units that connect accounts: until this unit ends, it is not changed or deleted.
    async fn lock_developer_shared(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// All developers, by id.
    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError>;

    /// Deletes a developer with its keys, sessions and deliveries. Returns whether it existed. Its revocations remain. Fails if
    /// it still has connections, because their grants would be lost.
    async fn remove_developer(&mut self, dev_id: &DevId) -> Result<bool, StoreError>;
}

impl Developer {
    /// The settings that can be promoted to another environment.
    #[must_use]
    pub fn settings(&self) -> EnvironmentSettings {
        EnvironmentSettings {
            name: self.name.clone(),
            logo_url: self.logo_url.clone(),
            accent: self.accent.clone(),
            user_limit: self.user_limit,
            providers: self.providers.clone(),
            redirect_allow_list: self.redirect_allow_list.clone(),
            destination: self.destination.clone(),
            keep_user_id: self.keep_user_id,
            bound_tokens_only: self.bound_tokens_only,
        }
    }

    /// Applies the settings that are present in `change`, except the destination, which has a row of its own.
    pub fn change(&mut self, change: &ChangeEnvironment) {
        let ChangeEnvironment {
            name,
            logo_url,
            accent,
            user_limit,
            providers,
            redirect_allow_list,
            destination: _,
            keep_user_id,
            bound_tokens_only,
            active,
        } = change.clone();
        self.name = name.unwrap_or(std::mem::take(&mut self.name));
        self.logo_url = logo_url.unwrap_or(self.logo_url.take());
        self.accent = accent.unwrap_or(self.accent.take());
        self.user_limit = user_limit.unwrap_or(self.user_limit);
        self.providers = providers.unwrap_or(self.providers.take());
        self.redirect_allow_list = redirect_allow_list.unwrap_or(std::mem::take(&mut self.redirect_allow_list));
        self.keep_user_id = keep_user_id.unwrap_or(self.keep_user_id);
        self.bound_tokens_only = bound_tokens_only.unwrap_or(self.bound_tokens_only);
        if let Some(active) = active {
            self.status = if active { EnvironmentStatus::Active } else { EnvironmentStatus::Disabled };
        }
    }
}
