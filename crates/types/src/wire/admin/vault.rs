//! The state of a server's vault: its keys and their rotation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The keys that encrypt values and compute MACs, without the key material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultStatus {
    /// The data keys, ordered by purpose and number.
    pub data_keys: Vec<VaultKey>,
    /// The ids of this node's master keys, the current one first.
    pub master_keys: Vec<String>,
    /// The state of the newest rotation.
    pub rotation: VaultRotation,
}

/// A data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultKey {
    /// `vault` for a key that encrypts values, `mac` for a key that computes MACs.
    pub purpose: String,
    /// The number of the key, counted from 1 for each purpose.
    pub number: u32,
    /// The state of the key.
    pub state: VaultKeyState,
    /// The id of the master key that encrypts the data key.
    pub master_key: String,
    /// When the key was generated.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// The state of a data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultKeyState {
    /// The key is new, and the nodes are loading it.
    Announced,
    /// The key encrypts new values, or computes MACs.
    Current,
    /// A newer key encrypts new values, and some old values still need this one.
    BeingReplaced,
    /// Only values in transit, and backups, need the key.
    Retired,
    /// The key was discarded in a vault reset.
    Lost,
}

impl VaultKeyState {
    /// The name for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Current => "current",
            Self::BeingReplaced => "being replaced",
            Self::Retired => "retired",
            Self::Lost => "lost",
        }
    }
}

/// The progress of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultRotation {
    /// The number of the newest data key.
    pub data_key: u32,
    /// Whether all values are encrypted with this key.
    pub state: VaultRotationState,
    /// The number of values that this node has read since it last started the rotation. A value counts again
    /// in each pass.
    pub looked_at: u64,
    /// The number of values that this node has re-encrypted.
    pub resealed: u64,
    /// The error that stopped the rotation on this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The state of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultRotationState {
    /// All values are encrypted with the newest data key.
    Done,
    /// This node is re-encrypting values.
    Running,
    /// The rotation was interrupted, or another process runs it. Start it again to continue.
    Unfinished,
}

/// The result of a master key rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedMasterKey {
    /// The id of the current master key, which encrypts all data keys.
    pub master_key: String,
    /// The number of data keys that another master key encrypted before.
    pub rewrapped: u32,
}
