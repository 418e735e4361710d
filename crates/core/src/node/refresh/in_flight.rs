//! Shares one refresh among all requests for the same token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use secrecy::SecretString;
use terra_auth_model::{keys::UnsealError, store_error::StoreError};
use terra_auth_types::{DevId, UserId};
use tokio::sync::watch;

use crate::node::refresh::gate::Gates;

/// Temporary access to an account at its provider.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// For the provider's data calls.
    pub access_token: SecretString,
    /// When the token expires, if the provider says so.
    pub expires_at: Option<Timestamp>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
}

/// Why there is no valid access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// The connection does not exist, is in another environment, or has no tokens.
    #[error("user not found")]
    UserNotFound,
    /// The provider says that the grant is revoked.
    #[error("the end user's access was revoked at the provider")]
    Revoked,
    /// The tokens do not work any more.
    #[error("the end user must connect again")]
    NeedsConsent,
    /// The token has expired and cannot be refreshed now; a later call may succeed.
    #[error("the access token has expired and cannot be refreshed now; try again at {retry_at}")]
    Unavailable {
        /// The earliest useful time for another call.
        retry_at: Timestamp,
    },
    /// The tokens cannot be decrypted.
    #[error("the tokens cannot be read")]
    Seal(#[from] UnsealError),
    /// The store failed.
    #[error("could not read the access token")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for AccessTokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The safety rules of a refresh. A simulation turns them off one by one to show that each is needed.
#[cfg(feature = "simulation")]
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Only one refresh of a grant runs at a time.
    pub lease: bool,
    /// Older tokens never replace newer ones.
    pub fencing: bool,
    /// The in-flight marker is stored before the provider is called.
    pub write_ahead: bool,
}

#[cfg(feature = "simulation")]
impl Default for Rules {
    fn default() -> Self {
        Self { lease: true, fencing: true, write_ahead: true }
    }
}

/// The safety rules of a refresh: all of them.
#[cfg(not(feature = "simulation"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules;

impl Rules {
    /// Whether a refresh needs the lease of its grant: always, outside a simulation.
    pub(crate) fn needs_lease(self) -> bool {
        #[cfg(feature = "simulation")]
        return self.lease;
        #[cfg(not(feature = "simulation"))]
        true
    }

    /// Whether older tokens are kept from replacing newer ones: always, outside a simulation.
    pub(crate) fn is_fenced(self) -> bool {
        #[cfg(feature = "simulation")]
        return self.fencing;
        #[cfg(not(feature = "simulation"))]
        true
    }

    /// Whether the in-flight marker is stored before the provider is called: always, outside a simulation.
    pub(crate) fn is_written_ahead(self) -> bool {
        #[cfg(feature = "simulation")]
        return self.write_ahead;
        #[cfg(not(feature = "simulation"))]
        true
    }
}

/// The refreshes of this node.
#[derive(Default)]
pub(crate) struct Refreshes {
    rules: Rules,
    in_flight: Mutex<InFlight>,
    pub(crate) gates: Gates,
}

/// The result of a refresh, for all its callers.
pub(crate) type RefreshResult = Result<AccessToken, AccessTokenError>;

/// The refresh in flight of each connection.
type InFlight = HashMap<(DevId, UserId), watch::Receiver<Option<RefreshResult>>>;

impl Refreshes {
    #[cfg(feature = "simulation")]
    pub(crate) fn with_rules(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    pub(crate) fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
