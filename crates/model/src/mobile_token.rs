//! Mobile tokens that were spent.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::store_error::StoreError;

/// Identifies a token: key version (1 byte), expiry in Unix milliseconds (6), random (9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(pub [u8; 16]);

/// The verb for mobile tokens.
#[async_trait]
pub trait MobileTokens: Send {
    /// Spends a token; returns true if it was unspent. Of any number of concurrent callers, one gets true. The
    /// store remembers the token beyond `expires_at`, after which the token is invalid anyway. A token whose
    /// expiry is not later than that of a deleted record counts as spent.
    async fn consume_token(&mut self, token_id: TokenId, expires_at: Timestamp) -> Result<bool, StoreError>;
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
