use std::sync::Arc;

use jiff::Timestamp;
use terra_auth_model::{
    clock::{Clock, Entropy},
    keys::KeyRing,
    provider::Providers,
    receipt::Receipt,
    store::Store,
    store_error::StoreError,
};
use terra_auth_types::{DestinationId, EventId};
use url::Url;

use crate::{
    login::begin::ReturningLogins,
    node::{
        directory::Directory, notification_budget::NotificationBudgets, outbox::Outbox, refresh::in_flight::Refreshes,
        rotation::RotationState,
    },
};

/// The authentication plane. Every operation is a method of this type.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    dependencies: Dependencies,
    refreshes: Refreshes,
    notices: NotificationBudgets,
    logins: ReturningLogins,
    rotations: RotationState,
}

/// The dependencies of the operations.
pub struct Dependencies {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The keys that encrypt and compute MACs.
    pub keys: KeyRing,
    /// This node's copy of environments, keys and admin tokens.
    pub directory: Directory,
    /// The providers.
    pub providers: Arc<dyn Providers>,
    /// The base URL of the widget's pages, without a trailing slash in its path.
    pub widget_url: Url,
    /// Wakes the workers of this process.
    pub outbox: Outbox,
}

impl Auth {
    /// Creates the authentication plane. Its directory is empty until [`Auth::reload`].
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        Self::with_refreshes(dependencies, Refreshes::default())
    }

    /// Like [`Auth::new`], but without some of the rules that protect grants from being lost. A simulation shows that
    /// each rule is necessary.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn with_rules(dependencies: Dependencies, rules: crate::node::refresh::in_flight::Rules) -> Self {
        Self::with_refreshes(dependencies, Refreshes::with_rules(rules))
    }

    fn with_refreshes(mut dependencies: Dependencies, refreshes: Refreshes) -> Self {
        dependencies.store = dependencies.store.with_row_authenticator(dependencies.keys.row_marker());
        Self(Arc::new(Inner {
            dependencies,
            refreshes,
            notices: NotificationBudgets::default(),
            logins: ReturningLogins::default(),
            rotations: RotationState::default(),
        }))
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.dependencies.clock
    }

    /// The source of random bytes.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.0.dependencies.entropy
    }

    /// The keys that encrypt and compute MACs.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.0.dependencies.keys
    }

    /// This node's copy of environments, keys and admin tokens.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.dependencies.directory
    }

    /// The providers.
    #[must_use]
    pub fn providers(&self) -> &Arc<dyn Providers> {
        &self.0.dependencies.providers
    }

    /// The base URL of the widget's pages, without a trailing slash in its path.
    #[must_use]
    pub fn widget_url(&self) -> &Url {
        &self.0.dependencies.widget_url
    }

    /// Wakes the workers of this process.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.0.dependencies.outbox
    }

    /// Checks whether the next write is likely to succeed; see [`Store::health`].
    ///
    /// # Errors
    ///
    /// The next write would probably fail, for this reason.
    pub async fn store_health(&self) -> Result<(), StoreError> {
        self.store().health().await
    }

    #[cfg(not(feature = "simulation"))]
    pub(crate) fn store(&self) -> &Store {
        &self.0.dependencies.store
    }

    /// The store, for tests that prepare and check rows.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.dependencies.store
    }

    pub(crate) fn refreshes(&self) -> &Refreshes {
        &self.0.refreshes
    }

    pub(crate) fn notices(&self) -> &NotificationBudgets {
        &self.0.notices
    }

    pub(crate) fn logins(&self) -> &ReturningLogins {
        &self.0.logins
    }

    pub(crate) fn rotations(&self) -> &RotationState {
        &self.0.rotations
    }

    /// The current time, truncated to milliseconds, as in the stores.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock().now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The URL of one of the widget's pages.
    pub(crate) fn widget_page(&self, path: &[&str]) -> Url {
        let mut url = self.widget_url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Creates the receipt of a call that must run only once.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt { id: self.entropy().id(), created_at: self.now() }
    }

    pub(crate) fn new_destination_id(&self) -> DestinationId {
        DestinationId(self.entropy().id_at(self.now()))
    }

    pub(crate) fn new_event_id(&self) -> EventId {
        EventId(self.entropy().id_at(self.now()))
    }
}
