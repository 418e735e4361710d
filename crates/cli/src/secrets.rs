//! Generates secrets and stores them in private files.

use std::path::Path;

use anyhow::Context as _;
use secrecy::SecretString;
use terra_auth_model::clock::{Entropy, SystemEntropy};

pub(crate) fn random_hex() -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    hex::encode(entropy.bytes::<32>())
}

/// Reads a secret of 64 hex digits from a file. If the file does not exist, creates it, readable by
/// its owner only.
pub(crate) fn read_or_create_secret(path: &Path) -> anyhow::Result<SecretString> {
    if !path.exists() {
        crate::private_file::replace(path, &format!("{}\n", random_hex()))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    Ok(text.into())
}
