//! Tokens of administrators.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::wire::admin::{AdminTokenInfo, Role};
use uuid::Uuid;

use crate::{digest::KeyDigest, store_error::StoreError};

/// A stored admin token.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminTokenRecord {
    /// The id of the token.
    pub token_id: Uuid,
    /// The owner's name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The digest of the token; the token itself is not stored.
    pub digest: KeyDigest,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// The verbs for admin tokens.
#[async_trait]
pub trait AdminTokens: Send {
    /// Adds a token.
    async fn add_admin_token(&mut self, token: &AdminTokenRecord) -> Result<(), StoreError>;

    /// All tokens, oldest first.
    async fn admin_tokens(&mut self) -> Result<Vec<AdminTokenRecord>, StoreError>;

    /// Deletes a token. Returns whether it existed.
    async fn remove_admin_token(&mut self, token_id: Uuid) -> Result<bool, StoreError>;

    /// Increases the revision, so that every node reads its directory again.
    async fn bump_revision(&mut self) -> Result<(), StoreError>;

    /// The revision of the directory in the store.
    async fn revision(&mut self) -> Result<u64, StoreError>;
}

impl AdminTokenRecord {
    /// Whether it has not expired.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether it is a valid owner's token.
    #[must_use]
    pub fn is_owner(&self, now: Timestamp) -> bool {
        self.role == Role::Owner && self.is_valid(now)
    }

    /// The token as operators see it, without its digest.
    #[must_use]
    pub fn to_wire(&self) -> AdminTokenInfo {
        AdminTokenInfo {
            token_id: self.token_id,
            name: self.name.clone(),
            role: self.role,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}
