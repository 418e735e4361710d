//! The keys of a server's vault, and their rotation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The keys that seal and mark, without the keys themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultStatus {
    /// By purpose and number.
    pub data_keys: Vec<VaultKey>,
    /// The ids of the master keys that this node has, the current one first.
    pub master_keys: Vec<String>,
    /// How far the newest rotation is.
    pub rotation: VaultRotation,
}

/// A data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultKey {
    /// `vault` seals, `marks` marks.
    pub purpose: String,
    /// Counted from 1 for each purpose.
    pub number: u32,
    /// What it does now.
    pub state: VaultKeyState,
    /// The id of the master key that wraps it.
    pub master_key: String,
    /// When it was drawn.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// What a data key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultKeyState {
    /// Nodes get to know it.
    Announced,
    /// It seals, or marks.
    Current,
    /// A newer one seals, and some values still need this one.
    BeingReplaced,
    /// Only what was on its way, and backups, need it.
    Retired,
    /// It was forgotten in a reset.
    Lost,
}

impl VaultKeyState {
    /// As people read it.
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

/// How far a rotation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultRotation {
    /// The newest data key.
    pub data_key: u32,
    /// Whether everything is sealed with it.
    pub state: VaultRotationState,
    /// Values that this node has looked at since it last began, those of later looks counted again.
    pub looked_at: u64,
    /// Values that it has sealed anew.
    pub resealed: u64,
    /// Why this node stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VaultRotationState {
    /// Everything is sealed with the newest data key.
    Done,
    /// This node is at it.
    Running,
    /// It was cut off, or another process is at it. Begin again, and it goes on.
    Unfinished,
}

/// What a new master key wraps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedMasterKey {
    /// The id of the current master key, which wraps all data keys.
    pub master_key: String,
    /// How many data keys another one wrapped before.
    pub rewrapped: u32,
}
