//! The page after a login that worked.

use askama::Template;

use super::{Frame, Link, Page};

/// A connection was made.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/connected.html")]
pub struct Connected {
    /// Language and look.
    pub frame: Frame,
    /// The provider's name, as people know it.
    pub provider: String,
    /// The provider's image, at our own origin.
    pub icon: Link,
    /// The permissions that the end user did not grant, in words; empty if all were granted.
    pub left_out: Vec<String>,
    /// Begins the login once more, so that what was left out can be added.
    pub connect_again: Option<Link>,
    /// The list of providers, where the session allows several connections.
    pub connect_another: Option<Link>,
    /// Back to the app; without it the page says that it can be closed.
    pub proceed: Option<Link>,
}

impl Page for Connected {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn title(&self) -> String {
        self.frame.t_with("connected-title", "provider", self.provider.as_str())
    }
}
