//! API keys.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DevId, KeyId, Scopes, wire::admin::AdminKey};

use crate::{digest::KeyDigest, store_error::StoreError};

/// A key that was used within this time is not revoked without `force`.
pub const RECENT_USE: SignedDuration = SignedDuration::from_mins(5);

/// A stored API key.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRecord {
    /// The id of the key.
    pub key_id: KeyId,
    /// The environment.
    pub dev_id: DevId,
    /// The name that the operator chose.
    pub name: String,
    /// The key's last four characters.
    pub hint: String,
    /// The digest of the key; the key itself is not stored.
    pub digest: KeyDigest,
    /// Its scopes.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, exact to a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKeyRecord {
    /// Whether the key works at this instant.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The key as operators see it.
    #[must_use]
    pub fn to_wire(&self) -> AdminKey {
        AdminKey {
            key_id: self.key_id,
            name: self.name.clone(),
            hint: self.hint.clone(),
            scopes: self.scopes,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        }
    }
}

/// The verbs for API keys.
#[async_trait]
pub trait ApiKeys: Send {
    /// Adds an API key.
    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// All API keys of all developers, oldest first.
    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// The API keys of one developer, oldest first.
    async fn api_keys_of(&mut self, dev_id: &DevId) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// Sets when a key stops working, never later than before. Returns whether the key exists.
    async fn expire_api_key(
        &mut self,
        dev_id: &DevId,
        key_id: KeyId,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Records that a key was used. An earlier instant than the recorded one changes nothing.
    async fn touch_api_key(&mut self, key_id: KeyId, used_at: Timestamp) -> Result<(), StoreError>;
}
