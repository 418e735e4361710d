//! The configuration of a gateway and its dependencies.

use std::sync::Arc;

use secrecy::SecretString;
use terra_auth::{Credentials, SigningSecret};
use terra_auth_model::{
    clock::{Clock, Entropy},
    store::Store,
};

use crate::{login::Login, settings::Settings};

/// The fixed parts of a gateway's configuration.
#[derive(Clone)]
pub struct Dependencies {
    /// Stores events and connections.
    pub store: Store,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub entropy: Arc<dyn Entropy>,
}

/// The parts that may change while a gateway runs.
pub struct Config {
    /// The settings file.
    pub settings: Settings,
    /// The keys of one environment.
    pub credentials: Credentials,
    /// Signs the events that are forwarded to the app.
    pub forward_secret: Option<SigningSecret>,
    /// Verifies the app's own tokens, if they are signed with a secret.
    pub jwt_secret: Option<SecretString>,
    /// The value of `x-proxy-secret` that a trusted proxy must send, if set.
    pub proxy_secret: Option<SecretString>,
    /// Login methods of an embedding app; they are tried first.
    pub logins: Vec<Arc<dyn Login>>,
}
