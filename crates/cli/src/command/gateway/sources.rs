//! The inputs that a start, a check and a reload read.

use std::sync::Arc;

use secrecy::SecretString;
use terra_auth::{Credentials, Environment, SigningSecret, ownership::Access};
use terra_auth_gateway::{Config, Dependencies, Gateway, SetupError};
use terra_auth_http::Certificates;
use terra_auth_model::{
    clock::{SystemClock, SystemEntropy},
    store::Store,
};

use super::options::{JWT_SECRET, Options, PROXY_SECRET, SettingsFile};
use crate::{
    credentials::{guard::OwnershipCheck, variable},
    failure::{CommandError, FailureKind},
};

/// The inputs of a gateway.
pub(crate) struct Sources {
    pub(crate) config: Config,
    pub(crate) file: SettingsFile,
    pub(crate) store: SecretString,
    pub(crate) certificates: Option<Arc<Certificates>>,
}

/// Whether a missing secret is created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissingSecret {
    Create,
    Ignore,
}

impl Sources {
    /// Reads the settings, keys, secrets and certificate. May wait for a program that prints a key.
    pub(crate) fn read(options: &Options, environment: Environment, missing: MissingSecret) -> anyhow::Result<Self> {
        let file = options.read()?;
        let settings = file.settings.clone();
        let credentials = Credentials::load(environment)?;
        let tls = settings.tls.as_ref();
        // A TLS key that other users can read is only a warning in the summary, because many tools create such keys.
        tls.map_or(Ok(()), |tls| OwnershipCheck::Fail.check(&tls.key, Access::Change))?;
        let certificates = tls.map(|tls| Certificates::read(&tls.certificate, &tls.key)).transpose();
        let certificates = certificates.map_err(|error| settings_error(&error.into()))?;
        let store = options.paths.store(&settings, environment);
        let forward_secret = settings.webhooks.forward_to.as_ref().map(|_| forward_secret(options, missing));
        let jwt_secret = variable::secret(JWT_SECRET);
        let proxy_secret = variable::secret(PROXY_SECRET);
        let forward_secret = forward_secret.transpose()?;
        let config = Config { settings, credentials, forward_secret, jwt_secret, proxy_secret, logins: Vec::new() };
        Ok(Self { config, file, store, certificates: certificates.map(Arc::new) })
    }

    /// Creates the gateway, which does not serve yet.
    pub(crate) fn gateway(&self, store: Store) -> anyhow::Result<Gateway> {
        let parts = Dependencies { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
        Gateway::new(&self.config, parts).map_err(setup_error)
    }
}

fn forward_secret(options: &Options, missing: MissingSecret) -> anyhow::Result<SigningSecret> {
    match missing {
        MissingSecret::Create => options.paths.create_data_dir()?,
        MissingSecret::Ignore if options.paths.creates_forward_secret() => {
            return Ok("created-by-the-first-start".into());
        }
        MissingSecret::Ignore => {}
    }
    options.paths.forward_secret()
}

/// The error for invalid settings, with a remedy.
pub(crate) fn setup_error(error: SetupError) -> anyhow::Error {
    match error {
        SetupError::NoLogin => {
            let next = "add --who-am-i URL, or add [login.jwt] or [login.trusted_header] to gateway.toml";
            CommandError::new(FailureKind::Misused, "no login method is configured", next).into()
        }
        SetupError::Client(error) => error.into(),
        error @ (SetupError::Invalid { .. } | SetupError::Http(_)) => settings_error(&error.into()),
    }
}

fn settings_error(error: &anyhow::Error) -> anyhow::Error {
    let next = "fix it, then check the settings with `terra-auth gateway check`";
    CommandError::new(FailureKind::Misused, format!("{error:#}"), next).into()
}
