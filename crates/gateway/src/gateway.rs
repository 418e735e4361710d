use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;
use terra_auth::{Client, Credentials, SigningSecret};
use terra_auth_core::{
    clock::{Clock, Entropy},
    inbox::Inbox,
    store::Store,
};

use crate::{live::Live, login::Login, route::webhook, settings::Settings, setup::SetupError};

/// A gateway. Cloning is cheap; all clones are the same one.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    parts: Parts,
    inbox: Inbox,
    webhook_room: webhook::Room,
    live: RwLock<Arc<Live>>,
}

/// What a gateway works with for as long as it lives.
#[derive(Clone)]
pub struct Parts {
    /// Remembers events and connections.
    pub store: Store,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// What may change while a gateway runs.
pub struct Config {
    /// The settings file.
    pub settings: Settings,
    /// The keys of one environment.
    pub credentials: Credentials,
    /// Signs what is forwarded to the app.
    pub forward_secret: Option<SigningSecret>,
    /// Verifies the app's own tokens, if they are signed with a secret.
    pub jwt_secret: Option<SecretString>,
    /// What a trusted proxy sends as `x-proxy-secret`, if it must.
    pub proxy_secret: Option<SecretString>,
    /// An embedding app's own ways to log in; they are asked first.
    pub logins: Vec<Arc<dyn Login>>,
}

impl Gateway {
    /// A gateway, which answers once its [`router`](Gateway::router) is served.
    ///
    /// # Errors
    ///
    /// [`SetupError`] names the setting to mend.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, SetupError> {
        let inbox = Inbox::new(parts.store.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let live = RwLock::new(Arc::new(Live::new(config, &parts, None)?));
        Ok(Self(Arc::new(Inner { parts, inbox, webhook_room: webhook::Room::new(), live })))
    }

    /// Goes on with another configuration. Requests that are under way end with the one they began with.
    ///
    /// # Errors
    ///
    /// [`SetupError`]; everything stays as it was.
    pub fn reload(&self, config: &Config) -> Result<(), SetupError> {
        let live = Arc::new(Live::new(config, &self.0.parts, Some(&self.live()))?);
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = live;
        Ok(())
    }

    /// What has been received, and what is known from it.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    /// What the present configuration amounts to.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.0.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Room for the bodies of events that are being taken.
    pub(crate) fn webhook_room(&self) -> &webhook::Room {
        &self.0.webhook_room
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.0.parts.entropy
    }

    /// A client of the upstream with the present keys.
    #[must_use]
    pub fn client(&self) -> Client {
        self.live().clients.any().clone()
    }
}
