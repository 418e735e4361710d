use terra_auth::credentials::{Reference, Written};

use crate::ui::Ui;

/// A key or secret as a list shows it: masked, or where it is kept.
pub(super) fn shown(ui: Ui, written: &Written, key: &str) -> Option<String> {
    let text = written.text(key)?;
    Some(match Reference::parse(text) {
        Ok(None) => ui.masked(text),
        Ok(Some(reference)) => reference.to_string(),
        Err(_) => "unusable reference".to_owned(),
    })
}

/// Who is asked for the value, if it is kept elsewhere.
pub(super) fn keeper(written: &Written, key: &str) -> Option<String> {
    let reference = Reference::parse(written.text(key)?).ok()??;
    Some(reference.to_string())
}
