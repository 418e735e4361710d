//! The page that a provider's callback address shows to a request that is no return from a login.

use askama::Template;

use super::{Frame, Page};

/// Says that the address exists, and nothing about any login.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/callback.html")]
pub struct Callback {
    /// The language. There is no session, so there is no brand.
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
