//! The question before a connection is removed.

use askama::Template;

use super::{Frame, Link, Page};

/// Asks whether a connection shall be removed. The answer is a [`Notice`](super::Banner) above the list.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/disconnect.html")]
pub struct Disconnect {
    /// Language and look.
    pub frame: Frame,
    /// The provider's name, as people know it.
    pub provider: String,
    /// The provider's image, at our own origin.
    pub icon: Link,
    /// Where "yes" is posted, with an empty body; must be at our own origin.
    pub action: Link,
    /// Where "no" leads.
    pub keep: Link,
}

impl Page for Disconnect {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn title(&self) -> String {
        self.frame.t_with("disconnect-title", "provider", self.provider.as_str())
    }
}
