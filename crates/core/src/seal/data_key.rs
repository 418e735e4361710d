//! The keys that seal and mark, wrapped in the store by a master key.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::master_key::MasterKeyId;
use crate::store::StoreError;

/// A key in the clear.
pub(crate) type KeyMaterial = Zeroizing<[u8; 32]>;

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Seals what must be sent again. A newer key replaces an older one.
    Vault,
    /// Marks tokens and the lines of the audit log. There is one for the whole life of a store, or until a reset.
    Marks,
}

impl Purpose {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Marks => "marks",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Vault, Self::Marks].into_iter().find(|purpose| purpose.as_str() == name)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A data key as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// What it is for.
    pub purpose: Purpose,
    /// Counted from 1 for each purpose; sealed values name it.
    pub number: u32,
    /// The master key that wraps it.
    pub wrapped_by: MasterKeyId,
    /// The key, sealed for its purpose and number under that master key; empty once it was lost.
    pub wrapped: Vec<u8>,
    /// When it was drawn.
    pub created_at: Timestamp,
    /// Since when it seals; before, every node only has to know it.
    pub activated_at: Option<Timestamp>,
    /// Since when nothing in the store is sealed with it. It goes on opening what was on its way, and backups.
    pub retired_at: Option<Timestamp>,
}

impl DataKey {
    /// Whether it was forgotten in a reset, as nobody has its master key. It retires when all that it sealed is forgotten.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.wrapped.is_empty()
    }
}

/// The verbs for data keys. None of them is ever removed.
#[async_trait]
pub trait DataKeys: Send {
    /// All data keys, by purpose and number.
    async fn data_keys(&mut self) -> Result<Vec<DataKey>, StoreError>;

    /// Adds a data key; answers whether its number was free.
    async fn add_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError>;

    /// Replaces how a data key is wrapped and since when it seals or does not; answers whether it was there.
    async fn update_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError>;
}
