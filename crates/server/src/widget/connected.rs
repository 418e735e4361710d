//! The page after a successful login.

use askama::Template;

use super::{Frame, Link, Page};

/// The page of a new connection.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/connected.html")]
pub struct Connected {
    /// Language and branding.
    pub frame: Frame,
    /// The provider's display name.
    pub provider: String,
    /// The URL of the provider's logo at our own origin.
    pub icon: Link,
    /// The permissions that the end user did not grant, in words; empty if all were granted.
    pub left_out: Vec<String>,
    /// The link that starts the login again, to add the missing permissions.
    pub connect_again: Option<Link>,
    /// The link to the list of providers, if the session allows several connections.
    pub connect_another: Option<Link>,
    /// The link to the app. Without it, the page says that it can be closed.
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
