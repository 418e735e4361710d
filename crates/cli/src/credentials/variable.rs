//! Variables of the process environment. An empty variable counts as unset, because compose files
//! and CI pass empty variables for missing values.

use std::path::PathBuf;

use secrecy::SecretString;

/// The text of a variable, not trimmed.
pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

/// The text of a variable that must not be shown.
pub(crate) fn secret(name: &str) -> Option<SecretString> {
    text(name).map(Into::into)
}

/// A path, which need not be valid UTF-8.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.to_string_lossy().trim().is_empty()).map(Into::into)
}
