//! What must be sent again is sealed; what only comes back is marked.

mod data_key;
mod found;
mod lost;
mod master_key;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use zeroize::Zeroizing;

pub(crate) use self::data_key::KeyMaterial;
pub use self::{
    data_key::{DataKey, DataKeys, Purpose},
    found::OpenVaultError,
    lost::{KeysInStead, LostKeysError},
    master_key::{MasterKey, MasterKeyId, MasterKeySource, MasterKeySourceError, MasterKeys, UnwrapError},
};
use crate::{clock::Entropy, row_mark::RowMarker};

/// A sealed value, as it lies in the store: version 2 (1 byte), data key (4), nonce (12), ciphertext and tag. Version 1,
/// from before there were data keys, names none: it is the first one.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Sealed {
    /// The number of the data key that it was sealed with, as far as it says so.
    #[must_use]
    pub fn data_key(&self) -> Option<u32> {
        self.split().map(|(number, _)| number)
    }

    /// The data key, and what follows it.
    fn split(&self) -> Option<(u32, &[u8])> {
        match self.0.split_first()? {
            (&VERSION_WITHOUT_KEY, rest) => Some((found::FIRST, rest)),
            (&VERSION, rest) => rest.split_first_chunk().map(|(number, rest)| (u32::from_be_bytes(*number), rest)),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The value was not sealed here, or was changed, moved, or sealed under another master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: it was changed, or the master key is another one")]
pub struct SealBroken;

/// Where a sealed value lives; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The environment it belongs to.
    pub dev_id: &'a str,
    /// Names the row.
    pub row: &'a str,
    /// Names the value within the row.
    pub column: &'static str,
}

impl Place<'_> {
    fn aad(&self) -> Aad<Vec<u8>> {
        let parts = [self.dev_id, self.row, self.column];
        Aad::from(parts.iter().flat_map(|part| part.len().to_be_bytes().into_iter().chain(part.bytes())).collect())
    }
}

/// Seals, opens and marks, with the data keys of a store.
pub struct KeyRing {
    masters: RwLock<Arc<MasterKeys>>,
    source: Option<MasterKeySource>,
    vault: RwLock<Arc<VaultKeys>>,
    marks: Marks,
}

/// The key that marks.
struct Marks {
    number: u32,
    key: MarkKey,
}

/// A key that marks: what it has marked can be told from what it has not.
#[derive(Clone)]
pub(crate) struct MarkKey(hmac::Key);

impl MarkKey {
    /// HMAC-SHA-256 over all parts, each with its length.
    pub(crate) fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.0);
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(mac.sign().as_ref());
        mark
    }
}

/// The keys that seal and open.
#[derive(Clone)]
struct VaultKeys {
    /// The one that seals.
    current: u32,
    /// Whether one of them was lost since.
    lost: bool,
    keys: BTreeMap<u32, Arc<LessSafeKey>>,
}

const VERSION_WITHOUT_KEY: u8 = 1;
const VERSION: u8 = 2;

impl KeyRing {
    /// A ring of keys derived from the master key, without a store: what was used before there were data keys.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        let [vault, marks] = Self::derived(master);
        let vault = VaultKeys { current: found::FIRST, lost: false, keys: [(found::FIRST, vault_key(&vault))].into() };
        Self::with(MasterKeys::new(master.clone(), Vec::new()), vault, found::FIRST, &marks)
    }

    fn derived(master: &MasterKey) -> [KeyMaterial; 2] {
        [master.derive(b"terra-auth vault v1"), master.derive(b"terra-auth marks v1")]
    }

    fn with(masters: MasterKeys, vault: VaultKeys, number: u32, marks: &KeyMaterial) -> Self {
        let marks = Marks { number, key: MarkKey(hmac::Key::new(hmac::HMAC_SHA256, &marks[..])) };
        let (masters, vault) = (RwLock::new(Arc::new(masters)), RwLock::new(Arc::new(vault)));
        Self { masters, source: None, vault, marks }
    }

    /// The same, where the master keys can be read again.
    #[must_use]
    pub fn with_source(self, source: MasterKeySource) -> Self {
        Self { source: Some(source), ..self }
    }

    /// A ring of the keys in a store.
    fn of(masters: MasterKeys, keys: &[DataKey]) -> Result<Self, OpenVaultError> {
        let marks = keys.iter().rfind(|key| key.purpose == Purpose::Marks && !key.is_lost());
        let marks = marks.ok_or(OpenVaultError::Missing(Purpose::Marks))?;
        let (number, marks) = (marks.number, masters.unwrap(marks)?);
        let ring = Self::with(masters, VaultKeys { current: 0, lost: false, keys: BTreeMap::new() }, number, &marks);
        ring.adopt(keys)?;
        if ring.current() == 0 { Err(OpenVaultError::Missing(Purpose::Vault)) } else { Ok(ring) }
    }

    /// Takes over the vault keys that are new in a store, and seals with the newest that is active.
    ///
    /// # Errors
    ///
    /// Some cannot be unwrapped, by a master key that this process does not have; all others are in force. Or the one that
    /// seals here was lost: the vault was reset.
    pub(crate) fn adopt(&self, keys: &[DataKey]) -> Result<(), UnwrapError> {
        let (mut ring, masters) = (VaultKeys::clone(&self.vault()), self.masters());
        let mut outcome = Ok(());
        for key in keys.iter().filter(|key| key.purpose == Purpose::Vault) {
            let known = ring.keys.get(&key.number).cloned();
            if key.is_lost() {
                if known.is_some() {
                    (ring.lost, outcome) = (true, Err(UnwrapError::Reset));
                }
                continue;
            }
            match known.map_or_else(|| masters.unwrap(key).map(|material| vault_key(&material)), Ok) {
                Ok(opened) => {
                    ring.keys.insert(key.number, opened);
                    ring.current = ring.current.max(if key.activated_at.is_some() { key.number } else { 0 });
                }
                Err(error) => outcome = Err(error),
            }
        }
        *self.vault.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        outcome
    }

    fn vault(&self) -> Arc<VaultKeys> {
        Arc::clone(&self.vault.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a reset has lost a key that is in use here.
    pub(crate) fn are_lost(&self) -> bool {
        self.vault().lost
    }

    /// The number of the data key that seals.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.vault().current
    }

    /// The master keys.
    #[must_use]
    pub fn masters(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.masters.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the master keys again, and keeps those there were as previous ones. Where there is no source, nothing changes.
    ///
    /// # Errors
    ///
    /// The source cannot be read; the keys stay as they are.
    pub(crate) async fn read_masters_again(&self) -> Result<(), MasterKeySourceError> {
        let Some(source) = self.source.clone() else { return Ok(()) };
        let read = tokio::task::spawn_blocking(move || source()).await??;
        let mut masters = self.masters.write().unwrap_or_else(PoisonError::into_inner);
        *masters = Arc::new(read.with_previous(&masters));
        Ok(())
    }

    /// Seals a value for its place.
    ///
    /// # Panics
    ///
    /// Only for a value of many gigabytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only a value of many gigabytes fails")]
    pub fn seal(&self, entropy: &dyn Entropy, place: Place<'_>, value: &[u8]) -> Sealed {
        let vault = self.vault();
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut sealed = Vec::with_capacity(5 + NONCE_LEN + value.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&vault.current.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        let mut text = value.to_vec();
        vault.keys[&vault.current]
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place.aad(), &mut text)
            .expect("the value can be sealed");
        sealed.append(&mut text);
        Sealed(sealed)
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    ///
    /// [`SealBroken`], whatever the reason.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealBroken> {
        let (number, rest) = sealed.split().ok_or(SealBroken)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealBroken)?;
        let vault = self.vault();
        let key = vault.keys.get(&number).ok_or(SealBroken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealBroken)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key.open_in_place(nonce, place.aad(), &mut text).map_err(|_| SealBroken)?.len();
        text.truncate(length);
        Ok(text)
    }

    /// Whether an earlier key has marked what came before the last reset of the vault.
    pub(crate) const fn marks_anew(&self) -> bool {
        self.marks.number != found::FIRST
    }

    /// HMAC-SHA-256 over all parts, each with its length.
    pub(crate) fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.marks.key.mark(parts)
    }

    /// Marks the rows of the store, and checks their marks.
    #[must_use]
    pub fn row_marker(&self) -> RowMarker {
        RowMarker::new(self.marks.key.clone())
    }
}

fn vault_key(material: &KeyMaterial) -> Arc<LessSafeKey> {
    Arc::new(aead(material))
}

#[expect(clippy::expect_used, reason = "lengths are constants")]
fn aead(material: &KeyMaterial) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &material[..]).expect("a key of 32 bytes fits"))
}
