//! The confirmation before a connection is removed.

use askama::Template;

use super::{Frame, Link, Page};

/// Asks for a confirmation. The result is a [`Banner`](super::Banner) above the list.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/disconnect.html")]
pub struct Disconnect {
    /// Language and branding.
    pub frame: Frame,
    /// The provider's display name.
    pub provider: String,
    /// The URL of the provider's logo at our own origin.
    pub icon: Link,
    /// The URL to which the confirmation is posted, with an empty body. It must have our own origin.
    pub action: Link,
    /// The link that cancels.
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
