//! The data keys: they encrypt and compute MACs, and the store contains them wrapped by a master key.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::wire::admin::{VaultKey, VaultKeyState};
use zeroize::Zeroizing;

use crate::store_error::StoreError;

/// An unwrapped key.
pub type KeyMaterial = Zeroizing<[u8; 32]>;

/// The use of a data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Encrypts values that are read back. A newer key replaces an older one.
    Vault,
    /// Computes the MACs of tokens and audit entries. A store keeps one until a vault reset.
    MacKey,
}

impl Purpose {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::MacKey => "mac",
        }
    }

    /// Parses the name in the database.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Vault, Self::MacKey].into_iter().find(|purpose| purpose.as_str() == name)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A data key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The use of the key.
    pub purpose: Purpose,
    /// Counted from 1 for each purpose; a sealed value contains the number of its key.
    pub number: u32,
    /// The id of the master key that wraps it.
    pub wrapped_by: MasterKeyId,
    /// The key, encrypted under that master key and bound to its purpose and number. Empty once a reset has
    /// discarded it.
    pub wrapped: Vec<u8>,
    /// When the key was generated.
    pub created_at: Timestamp,
    /// When the key began to encrypt. `None` while nodes only have to load it.
    pub activated_at: Option<Timestamp>,
    /// When no stored value used the key any more. It can still decrypt requests in progress, and backups.
    pub retired_at: Option<Timestamp>,
}

impl DataKey {
    /// Whether a reset has discarded the key because its master key is lost. It retires once its values are
    /// discarded.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.wrapped.is_empty()
    }
}

/// The verbs for data keys. Data keys are never deleted.
#[async_trait]
pub trait DataKeys: Send {
    /// Returns all data keys, ordered by purpose and number.
    async fn data_keys(&mut self) -> Result<Vec<DataKey>, StoreError>;

    /// Adds a data key; returns false if its number is taken.
    async fn add_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError>;

    /// Updates the wrapping and the activation and retirement times of a data key; returns whether the key exists.
    async fn update_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError>;
}

impl DataKey {
    /// Converts to the wire type. `current` is the number of the key that encrypts.
    #[must_use]
    pub fn to_wire(&self, current: Option<u32>) -> VaultKey {
        let state = match (self.activated_at, self.retired_at) {
            _ if self.is_lost() => VaultKeyState::Lost,
            (None, _) => VaultKeyState::Announced,
            (_, Some(_)) => VaultKeyState::Retired,
            _ if self.purpose == Purpose::MacKey || Some(self.number) == current => VaultKeyState::Current,
            _ => VaultKeyState::BeingReplaced,
        };
        VaultKey {
            purpose: self.purpose.as_str().to_owned(),
            number: self.number,
            state,
            master_key: self.wrapped_by.to_string(),
            created_at: self.created_at,
        }
    }
}

/// Identifies a master key and reveals nothing else about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId(pub [u8; 8]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeyId({self})")
    }
}
