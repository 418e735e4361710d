//! The page of a callback URL for a request that does not belong to a login.

use askama::Template;

use super::{Frame, Page};

/// Tells that the URL exists, and nothing about any login.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/callback.html")]
pub struct Callback {
    /// The language. Without a session there is no branding.
    pub frame: Frame,
}

impl Page for Callback {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn title(&self) -> String {
        self.frame.t("callback-title")
    }
}
