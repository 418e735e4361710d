use terra_auth::credentials::{Reference, UnresolvedCredentials};

use crate::ui::Ui;

/// A key or secret as a list shows it: masked, or as its external reference.
pub(super) fn masked_or_reference(ui: Ui, written: &UnresolvedCredentials, key: &str) -> Option<String> {
    let text = written.text(key)?;
    Some(match Reference::parse(text) {
        Ok(None) => ui.masked(text),
        Ok(Some(reference)) => reference.to_string(),
        Err(_) => "invalid reference".to_owned(),
    })
}

/// The external reference that the value is read from, if there is one.
pub(super) fn external_reference(written: &UnresolvedCredentials, key: &str) -> Option<String> {
    let reference = Reference::parse(written.text(key)?).ok()??;
    Some(reference.to_string())
}
