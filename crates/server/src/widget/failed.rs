//! The page of a failure: what happened, and what to do next.

use askama::Template;

use super::{Frame, Link, Page};

/// The page of a login that failed.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/failed.html")]
pub struct Failed {
    /// Language and branding. The texts do not need the environment's name, because an unknown session has a page too.
    pub frame: Frame,
    /// The reason of the failure.
    pub failure: Failure,
    /// The link that starts again, if a retry can succeed.
    pub try_again: Option<Link>,
    /// The link to the app. It is shown if the frame knows the app's name.
    pub return_to_app: Option<Link>,
}

/// Why there is no connection. Providers have their display names.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The end user cancelled the list of providers.
    Cancelled,
    /// The end user denied the access at the provider.
    Denied {
        /// The app.
        provider: String,
    },
    /// The end user did not grant a required permission.
    LeftOut {
        /// The app.
        provider: String,
        /// The provider's name of the missing permission.
        scopes: Vec<String>,
    },
    /// The session has expired.
    Expired,
    /// The session was used for a connection.
    AlreadyUsed,
    /// There is no such session, or the secret in its URL is wrong.
    UnknownSession,
    /// The environment has reached its user limit.
    CapReached,
    /// The provider could not be reached, or did not finish the login.
    ProviderDown {
        /// The provider that did not respond.
        provider: String,
    },
    /// The callback arrived in another browser, or with changed parameters.
    WrongBrowser,
    /// The provider stores its data on the phone, as Apple Health and Samsung Health do.
    PhoneOnly {
        /// The provider.
        provider: String,
        /// The link that opens the app, or its page in a store.
        app: Option<Link>,
    },
    /// The session offers no configured provider.
    NoProvider,
    /// An internal error.
    Internal {
        /// The trace id of the response, for a message to support.
        trace: Option<String>,
    },
}

impl Page for Failed {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn title(&self) -> String {
        self.text("")
    }
}

impl Failed {
    /// The failure's text, or a part of it as in `.next`.
    fn text(&self, part: &str) -> String {
        let key = format!("{}{part}", self.failure.key());
        match &self.failure {
            Failure::Denied { provider }
            | Failure::LeftOut { provider, .. }
            | Failure::ProviderDown { provider }
            | Failure::PhoneOnly { provider, .. } => self.frame.t_with(&key, "provider", provider.as_str()),
            _ => self.frame.t(&key),
        }
    }

    fn left_out(&self) -> &[String] {
        match &self.failure {
            Failure::LeftOut { scopes, .. } => scopes,
            _ => &[],
        }
    }

    fn app(&self) -> Option<&Link> {
        match &self.failure {
            Failure::PhoneOnly { app, .. } => app.as_ref(),
            _ => None,
        }
    }

    fn trace(&self) -> Option<&str> {
        match &self.failure {
            Failure::Internal { trace } => trace.as_deref(),
            _ => None,
        }
    }

    fn return_to_app(&self) -> Option<&Link> {
        self.frame.brand.as_ref().and(self.return_to_app.as_ref())
    }

    fn is_dead_end(&self) -> bool {
        self.app().or(self.try_again.as_ref()).or(self.return_to_app()).is_none()
    }
}

impl Failure {
    const fn key(&self) -> &'static str {
        match self {
            Self::Cancelled => "failed-cancelled",
            Self::Denied { .. } => "failed-denied",
            Self::LeftOut { .. } => "failed-left-out",
            Self::Expired => "failed-expired",
            Self::AlreadyUsed => "failed-already-used",
            Self::UnknownSession => "failed-unknown-session",
            Self::CapReached => "failed-cap-reached",
            Self::ProviderDown { .. } => "failed-provider-down",
            Self::WrongBrowser => "failed-wrong-browser",
            Self::PhoneOnly { .. } => "failed-phone-only",
            Self::NoProvider => "failed-no-provider",
            Self::Internal { .. } => "failed-internal",
        }
    }

    /// The image above the text: a symbol of `widget/symbol.html`.
    const fn symbol(&self) -> &'static str {
        match self {
            Self::Cancelled | Self::Denied { .. } | Self::LeftOut { .. } => "stop",
            Self::Expired => "clock",
            Self::PhoneOnly { .. } => "phone",
            Self::AlreadyUsed | Self::UnknownSession | Self::WrongBrowser => "link",
            Self::CapReached | Self::ProviderDown { .. } | Self::NoProvider | Self::Internal { .. } => "alert",
        }
    }
}
