//! What a dev-id identifies: one environment of one team, with everything that belongs to it.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, Environment, KeyId, Provider};
use url::Url;

use crate::{digest::KeyDigest, seal::Sealed, store::StoreError};

/// One environment and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Developer {
    /// Names it in every request.
    pub dev_id: DevId,
    /// Testing, staging or production.
    pub environment: Environment,
    /// What the widget calls the app.
    pub name: String,
    /// Shown above the widget.
    pub logo_url: Option<Url>,
    /// `#rrggbb`, for the widget's buttons.
    pub accent: Option<String>,
    /// How many users may be connected at once; `None` is no cap.
    pub user_limit: Option<u32>,
    /// The providers it offers; `None` is all that the server has.
    pub providers: Option<Vec<Provider>>,
    /// Where an end user may be sent afterwards, as URL prefixes; empty is anywhere that is safe.
    pub redirect_allow_list: Vec<Url>,
    /// Where its events are posted; `None` keeps them without sending.
    pub destination: Option<Url>,
    /// The key that signs its events.
    pub signing_secret: Sealed,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An API key as the server remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRecord {
    /// Names the key.
    pub key_id: KeyId,
    /// Whose key it is.
    pub dev_id: DevId,
    /// What the operator calls it.
    pub name: String,
    /// The key itself is not kept.
    pub digest: KeyDigest,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// The verbs for developers and their keys.
#[async_trait]
pub trait Developers: Send {
    /// Adds a developer; answers whether it was new.
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// Replaces a developer's settings, all but its id, environment and creation; answers whether it was there.
    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// One developer.
    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, whom nobody else holds until this unit ends: connections are counted under it.
    async fn hold_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// All developers, by id.
    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError>;

    /// Adds an API key.
    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// All API keys of all developers.
    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError>;
}
