use std::sync::Arc;

use arc_swap::ArcSwap;

use terra_auth::Client;
use terra_auth_model::clock::{Clock, Entropy};

use crate::{
    body_budget::BodyBudget,
    config::{Config, Dependencies},
    inbox::Inbox,
    runtime_config::RuntimeConfig,
    setup::SetupError,
};

/// A gateway. Cloning is cheap; all clones share one state.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    parts: Dependencies,
    inbox: Inbox,
    body_budget: BodyBudget,
    live: ArcSwap<RuntimeConfig>,
}

impl Gateway {
    /// Creates a gateway; serve its [`router`](Gateway::router) to answer requests.
    ///
    /// # Errors
    ///
    /// [`SetupError`] names the setting to correct.
    pub fn new(config: &Config, parts: Dependencies) -> Result<Self, SetupError> {
        let inbox = Inbox::new(parts.store.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let live = ArcSwap::from_pointee(RuntimeConfig::new(config, &parts, None)?);
        Ok(Self(Arc::new(Inner { parts, inbox, body_budget: BodyBudget::new(), live })))
    }

    /// Replaces the configuration. Requests in flight continue with the old one.
    ///
    /// # Errors
    ///
    /// [`SetupError`]; the old configuration stays in use.
    pub fn reload(&self, config: &Config) -> Result<(), SetupError> {
        let live = Arc::new(RuntimeConfig::new(config, &self.0.parts, Some(&self.live()))?);
        self.0.live.store(live);
        Ok(())
    }

    /// The received events and the connections that follow from them.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    /// The clients, login methods and limits of the current configuration.
    pub(crate) fn live(&self) -> Arc<RuntimeConfig> {
        self.0.live.load_full()
    }

    /// The memory budget for webhook bodies.
    pub(crate) fn body_budget(&self) -> &BodyBudget {
        &self.0.body_budget
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.0.parts.entropy
    }

    /// An API client with the current keys.
    #[must_use]
    pub fn client(&self) -> Client {
        self.live().clients.any().clone()
    }
}
