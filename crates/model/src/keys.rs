//! Encryption for values that must be read back, and MACs for values that only have to be recognised.

mod data_key;
pub(crate) mod mac;
mod master_key;
mod open;
mod replace_lost;
pub(crate) mod ring;
pub(crate) mod sealed;

#[cfg(test)]
mod tests;

pub use self::{
    data_key::{DataKey, DataKeys, KeyMaterial, Purpose},
    mac::MacKey,
    master_key::{MasterKey, MasterKeySource, MasterKeySourceError, MasterKeys, UnwrapError},
    replace_lost::{LostKeysError, ReplacementKeys},
    ring::KeyRing,
    sealed::{SealContext, Sealed, UnsealError},
};

pub use crate::keys::{data_key::MasterKeyId, ring::OpenVaultError};
