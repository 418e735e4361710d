//! All keys of a store: encrypts and decrypts values, and computes MACs.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, LessSafeKey, NONCE_LEN, Nonce},
    hmac,
};
use zeroize::Zeroizing;

use crate::{
    clock::Entropy,
    keys::{
        data_key::{DataKey, KeyMaterial, Purpose},
        mac::MacKey,
        master_key::{MasterKey, MasterKeySource, MasterKeySourceError, MasterKeys, UnwrapError},
        sealed::{FIRST_KEY_NUMBER, SEALED_VERSION_2, SealContext, Sealed, UnsealError, aead},
    },
    row_mac::RowAuthenticator,
    store_error::StoreError,
};

/// Encrypts, decrypts and computes MACs with the data keys of a store.
pub struct KeyRing {
    masters: ArcSwap<MasterKeys>,
    source: Option<MasterKeySource>,
    vault: ArcSwap<VaultKeys>,
    mac_key: NumberedMacKey,
}

/// The MAC key in use and its number.
struct NumberedMacKey {
    number: u32,
    key: MacKey,
}

/// The keys that encrypt and decrypt.
#[derive(Clone)]
struct VaultKeys {
    /// The number of the key that encrypts.
    current: u32,
    /// Whether a reset has discarded one of these keys since it was loaded.
    lost: bool,
    keys: BTreeMap<u32, Arc<LessSafeKey>>,
}

impl KeyRing {
    /// Creates a ring from keys derived from the master key, without a store, as before data keys existed.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        let [vault, marks] = Self::derived(master);
        let vault =
            VaultKeys { current: FIRST_KEY_NUMBER, lost: false, keys: [(FIRST_KEY_NUMBER, vault_key(&vault))].into() };
        Self::with(MasterKeys::new(master.clone(), Vec::new()), vault, FIRST_KEY_NUMBER, &marks)
    }

    pub(crate) fn derived(master: &MasterKey) -> [KeyMaterial; 2] {
        [master.derive(b"terra-auth vault v1"), master.derive(b"terra-auth marks v1")]
    }

    fn with(masters: MasterKeys, vault: VaultKeys, number: u32, marks: &KeyMaterial) -> Self {
        let mac_key = NumberedMacKey { number, key: MacKey(hmac::Key::new(hmac::HMAC_SHA256, &marks[..])) };
        let (masters, vault) = (ArcSwap::from_pointee(masters), ArcSwap::from_pointee(vault));
        Self { masters, source: None, vault, mac_key }
    }

    /// Adds a source from which the master keys can be read again.
    #[must_use]
    pub fn with_source(self, source: MasterKeySource) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Creates a ring from the data keys of a store.
    pub(crate) fn of(masters: MasterKeys, keys: &[DataKey]) -> Result<Self, OpenVaultError> {
        let marks = keys.iter().rfind(|key| key.purpose == Purpose::MacKey && !key.is_lost());
        let marks = marks.ok_or(OpenVaultError::Missing(Purpose::MacKey))?;
        let (number, marks) = (marks.number, masters.unwrap(marks)?);
        let ring = Self::with(masters, VaultKeys { current: 0, lost: false, keys: BTreeMap::new() }, number, &marks);
        ring.adopt(keys)?;
        if ring.current() == 0 { Err(OpenVaultError::Missing(Purpose::Vault)) } else { Ok(ring) }
    }

    /// Loads the vault keys that are new in the store, and encrypts with the newest active one from now on.
    ///
    /// # Errors
    ///
    /// A key was wrapped by a master key that this process does not have; all other keys are loaded. Or a vault
    /// reset has discarded a key that this process uses.
    pub fn adopt(&self, keys: &[DataKey]) -> Result<(), UnwrapError> {
        let (mut ring, masters) = (VaultKeys::clone(&self.vault()), self.master_keys());
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
        self.vault.store(Arc::new(ring));
        outcome
    }

    fn vault(&self) -> Arc<VaultKeys> {
        self.vault.load_full()
    }

    /// Whether a vault reset has discarded a key that this process uses.
    pub fn has_lost_keys(&self) -> bool {
        self.vault().lost
    }

    /// The number of the data key that encrypts.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.vault().current
    }

    /// The master keys.
    #[must_use]
    pub fn master_keys(&self) -> Arc<MasterKeys> {
        self.masters.load_full()
    }

    /// Reads the master keys again; the ones in use become previous keys. Does nothing if there is no source.
    ///
    /// # Errors
    ///
    /// The source cannot be read; the keys in use do not change.
    pub async fn reload_master_keys(&self) -> Result<(), MasterKeySourceError> {
        let Some(source) = self.source.clone() else { return Ok(()) };
        let read = tokio::task::spawn_blocking(move || source()).await??;
        self.masters.rcu(|masters| read.clone().with_previous(masters));
        Ok(())
    }

    /// Encrypts a value and binds it to its context.
    ///
    /// # Panics
    ///
    /// Only for a value of many gigabytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only a value of many gigabytes fails")]
    pub fn seal(&self, entropy: &dyn Entropy, place: SealContext<'_>, value: &[u8]) -> Sealed {
        let vault = self.vault();
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut sealed = Vec::with_capacity(5 + NONCE_LEN + value.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(SEALED_VERSION_2);
        sealed.extend_from_slice(&vault.current.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        let mut text = value.to_vec();
        vault.keys[&vault.current]
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place.aad(), &mut text)
            .expect("the value can be sealed");
        sealed.append(&mut text);
        Sealed(sealed)
    }

    /// Decrypts a value that was encrypted for this context.
    ///
    /// # Errors
    ///
    /// [`UnsealError`] for every cause.
    pub fn open(&self, place: SealContext<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (number, rest) = sealed.split().ok_or(UnsealError)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(UnsealError)?;
        let vault = self.vault();
        let key = vault.keys.get(&number).ok_or(UnsealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key.open_in_place(nonce, place.aad(), &mut text).map_err(|_| UnsealError)?.len();
        text.truncate(length);
        Ok(text)
    }

    /// Whether a vault reset has replaced the MAC key. MACs from before the reset cannot be verified any more.
    pub const fn mac_key_was_replaced(&self) -> bool {
        self.mac_key.number != FIRST_KEY_NUMBER
    }

    /// Computes HMAC-SHA-256 over all parts, each preceded by its length.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac_key.key.mac(parts)
    }

    /// Returns what computes and checks the MACs of rows.
    #[must_use]
    pub fn row_marker(&self) -> RowAuthenticator {
        RowAuthenticator::new(self.mac_key.key.clone())
    }
}

fn vault_key(material: &KeyMaterial) -> Arc<LessSafeKey> {
    Arc::new(aead(material))
}

/// Why the data keys of a store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenVaultError {
    /// The master keys cannot unwrap a data key.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// The store has no data keys yet, and the master key fits none of its values.
    #[error("wrong master key for this store: it decrypts none of the stored values")]
    ForeignStore,
    /// A vault reset has begun and not finished.
    #[error("a reset of this store's vault has not finished")]
    ResetUnderWay,
    /// A data key that every store needs is missing.
    #[error("the store has no usable {0} key")]
    Missing(Purpose),
    /// The store failed.
    #[error("could not read the keys of the store")]
    Store(#[from] StoreError),
}
