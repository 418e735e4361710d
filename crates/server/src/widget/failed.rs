//! The page for everything that did not work: what happened, and what to do next.

use askama::Template;

use super::{Frame, Link, Page};

/// No connection was made.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/failed.html")]
pub struct Failed {
    /// Language and look. The texts do without the environment's name, so that an unknown session has a page too.
    pub frame: Frame,
    /// The reason of the failure.
    pub failure: Failure,
    /// Begins again, where that can help.
    pub try_again: Option<Link>,
    /// Back to the app; shown when the frame knows the app's name.
    pub return_to_app: Option<Link>,
}

/// Why there is no connection. A provider is given by the name people know.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The end user left the list of providers.
    Cancelled,
    /// The end user said no at the provider.
    Denied {
        /// The app that asked.
        provider: String,
    },
    /// The end user said no to something that the app cannot do without.
    LeftOut {
        /// The app that asked.
        provider: String,
        /// The missing permission, as the provider names it.
        scopes: Vec<String>,
    },
    /// The session's time is over.
    Expired,
    /// The session has led to a connection before.
    AlreadyUsed,
    /// No such session, or the secret in its address does not fit.
    UnknownSession,
    /// The environment may not have more connected users.
    CapReached,
    /// The provider could not be reached, or refused to finish the login.
    ProviderDown {
        /// The provider that did not respond.
        provider: String,
    },
    /// The answer came back to a browser that did not begin the login, or was altered on its way.
    WrongBrowser,
    /// The provider keeps its data on the phone, as Apple Health and Samsung Health do.
    PhoneOnly {
        /// Who.
        provider: String,
        /// Opens the app, or its page in a store.
        app: Option<Link>,
    },
    /// The session offers no provider that is set up.
    NoProvider,
    /// Our fault.
    Internal {
        /// The answer's trace id, for a message to support.
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

    /// The drawing above the text: a symbol of `widget/symbol.html`.
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
