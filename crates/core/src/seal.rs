//! What must be sent again is sealed; what only comes back is marked.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    hmac,
};
use zeroize::Zeroizing;

use crate::clock::Entropy;

/// The one key that all others come from: 32 random bytes, held outside the store.
pub struct MasterKey(pub Zeroizing<[u8; 32]>);

/// A sealed value, as it lies in the store: key version (1 byte), nonce (12), ciphertext and tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

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

/// Seals, opens and marks, with keys derived from one master key.
pub struct KeyRing {
    vault: LessSafeKey,
    marks: hmac::Key,
}

const KEY_VERSION: u8 = 1;

impl KeyRing {
    /// Derives the keys.
    ///
    /// # Panics
    ///
    /// Never: lengths are constants.
    #[must_use]
    #[expect(clippy::expect_used, reason = "lengths are constants")]
    pub fn new(master: &MasterKey) -> Self {
        let vault = UnboundKey::new(&AES_256_GCM_SIV, &derive(master, b"terra-auth vault v1")[..]);
        Self {
            vault: LessSafeKey::new(vault.expect("a key of 32 bytes fits")),
            marks: hmac::Key::new(hmac::HMAC_SHA256, &derive(master, b"terra-auth marks v1")[..]),
        }
    }

    /// Seals a value for its place.
    ///
    /// # Panics
    ///
    /// Only for a value of many gigabytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only a value of many gigabytes fails")]
    pub fn seal(&self, entropy: &dyn Entropy, place: Place<'_>, value: &[u8]) -> Sealed {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + value.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(KEY_VERSION);
        sealed.extend_from_slice(&nonce);
        let mut text = value.to_vec();
        self.vault
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
        let (version, rest) = sealed.0.split_first().ok_or(SealBroken)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealBroken)?;
        if *version != KEY_VERSION {
            return Err(SealBroken);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealBroken)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self.vault.open_in_place(nonce, place.aad(), &mut text).map_err(|_| SealBroken)?.len();
        text.truncate(length);
        Ok(text)
    }

    /// HMAC-SHA-256 over all parts, each with its length.
    pub(crate) fn mark(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.marks);
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(mac.sign().as_ref());
        mark
    }
}

#[expect(clippy::expect_used, reason = "lengths are constants")]
fn derive(master: &MasterKey, purpose: &'static [u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"terra-auth")
        .extract(&master.0[..])
        .expand(&[purpose], HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key[..]))
        .expect("32 bytes can be derived");
    key
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{KeyRing, MasterKey, Place, SealBroken};
    use crate::clock::{Entropy, SystemEntropy};

    const PLACE: Place<'static> = Place { dev_id: "acme-testing", row: "1", column: "grant" };

    fn ring(byte: u8) -> KeyRing {
        KeyRing::new(&MasterKey(Zeroizing::new([byte; 32])))
    }

    fn entropy() -> &'static dyn Entropy {
        &SystemEntropy
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        let sealed = ring(1).seal(entropy(), PLACE, b"value");
        assert_eq!(ring(1).open(PLACE, &sealed).unwrap().as_slice(), b"value");
        for place in [
            Place { dev_id: "other", ..PLACE },
            Place { row: "2", ..PLACE },
            Place { column: "secret", ..PLACE },
            Place { dev_id: "acme-testing1", row: "", ..PLACE },
        ] {
            assert_eq!(ring(1).open(place, &sealed), Err(SealBroken), "{place:?}");
        }
        assert_eq!(ring(2).open(PLACE, &sealed), Err(SealBroken));
    }

    #[test]
    fn a_changed_or_shortened_value_does_not_open() {
        let sealed = ring(1).seal(entropy(), PLACE, b"value");
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(ring(1).open(PLACE, &changed), Err(SealBroken), "byte {at}");
            let mut shorter = sealed.clone();
            shorter.0.truncate(at);
            assert_eq!(ring(1).open(PLACE, &shorter), Err(SealBroken), "length {at}");
        }
    }
}
