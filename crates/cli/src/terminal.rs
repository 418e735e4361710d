//! Output, questions and the browser.

pub(crate) mod browser;
pub(crate) mod prompt;
pub(crate) mod ui;
