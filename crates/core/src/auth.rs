use std::sync::Arc;

use jiff::Timestamp;
use terra_auth_types::DeliveryId;
use url::Url;

use crate::{
    clock::{Clock, Entropy},
    connect::Logins,
    directory::Directory,
    notice::Notices,
    outbox::Outbox,
    provider::Providers,
    receipt::Receipt,
    refresh::{Refreshes, Rules},
    seal::KeyRing,
    store::Store,
    vault::Rotations,
};

/// The authentication plane: every operation is a method of it.
#[derive(Clone)]
pub struct Auth(Arc<Plane>);

struct Plane {
    parts: Parts,
    refreshes: Refreshes,
    notices: Notices,
    logins: Logins,
    rotations: Rotations,
}

/// What the operations work with.
pub struct Parts {
    /// Remembers.
    pub store: Store,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Seals and marks.
    pub keys: KeyRing,
    /// Who may call.
    pub directory: Directory,
    /// Where end users connect.
    pub providers: Arc<dyn Providers>,
    /// Where the widget's pages are, without a trailing slash in its path.
    pub widget_url: Url,
    /// Rung whenever something must be told to the world.
    pub outbox: Outbox,
}

impl std::ops::Deref for Auth {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Auth {
    /// Wires the plane together. Nobody is known until [`Auth::reload`].
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self::with_rules(parts, Rules::default())
    }

    /// The same, refreshing by other rules: only for those who show that each of the rules is needed.
    #[doc(hidden)]
    #[must_use]
    pub fn with_rules(mut parts: Parts, rules: Rules) -> Self {
        parts.store = parts.store.with_marker(parts.keys.row_marker());
        Self(Arc::new(Plane {
            parts,
            refreshes: Refreshes::new(rules),
            notices: Notices::default(),
            logins: Logins::default(),
            rotations: Rotations::default(),
        }))
    }

    pub(crate) fn refreshes(&self) -> &Refreshes {
        &self.0.refreshes
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.0.notices
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    pub(crate) fn rotations(&self) -> &Rotations {
        &self.0.rotations
    }

    /// The present instant, in whole milliseconds, as the stores keep it.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The URL of one of the widget's pages.
    pub(crate) fn widget_page(&self, path: &[&str]) -> Url {
        let mut url = self.widget_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// For a call that must not happen twice.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt { id: self.entropy.id(), created_at: self.now() }
    }

    pub(crate) fn delivery_id(&self) -> DeliveryId {
        DeliveryId(self.entropy.id_at(self.now()))
    }
}
