//! Variables of the process environment. An empty one counts as unset: compose files and CI pass those for what is not set.

use std::path::PathBuf;

use secrecy::SecretString;

/// A text, as it is.
pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

/// A text that is not to be shown.
pub(crate) fn secret(name: &str) -> Option<SecretString> {
    text(name).map(Into::into)
}

/// A path, which need not be text.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.to_string_lossy().trim().is_empty()).map(Into::into)
}
