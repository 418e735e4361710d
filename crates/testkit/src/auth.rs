//! The operations of `core` over a store, for tests and benches.

use std::sync::Arc;

use terra_auth_core::{
    Auth, Dependencies,
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_model::{
    clock::{SystemClock, SystemEntropy},
    keys::{KeyRing, MasterKey},
    provider::{Connects, ProviderInfo, Providers},
    store::Store,
};
use terra_auth_types::{Provider, wire};

/// The operations over a store, with all other parts as in [`dependencies`].
#[must_use]
pub fn auth(store: Store) -> Auth {
    Auth::new(dependencies(store))
}

/// The operations with other keys.
#[must_use]
pub fn auth_with_keys(store: Store, keys: KeyRing) -> Auth {
    Auth::new(Dependencies { keys, ..dependencies(store) })
}

/// The machine's clock and entropy, fixed keys, and the providers FITBIT and GARMIN, which accept no call. A test replaces the
/// fields that it needs: `Dependencies { clock, ..dependencies(store) }`.
#[must_use]
pub fn dependencies(store: Store) -> Dependencies {
    Dependencies {
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        keys: KeyRing::new(&MasterKey([7; 32].into())),
        directory: Directory::default(),
        providers: Arc::new(NoProviders::named(["FITBIT", "GARMIN"])),
        widget_url: "http://localhost:8787".parse().unwrap(),
        outbox: Outbox::default(),
    }
}

/// Providers that are listed and accept no call.
pub struct NoProviders(Arc<[ProviderInfo]>);

impl NoProviders {
    /// Providers with these names.
    #[must_use]
    pub fn named<const N: usize>(names: [&str; N]) -> Self {
        let info = |name: &str| ProviderInfo {
            provider: name.parse().unwrap(),
            name: name.to_owned(),
            connects: Connects::ByLogin,
            types: wire::DataTypes::default(),
            logo: None,
        };
        Self(names.map(info).into())
    }
}

impl Providers for NoProviders {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.0)
    }

    fn has_app(&self, _: &Provider) -> bool {
        true
    }
}
