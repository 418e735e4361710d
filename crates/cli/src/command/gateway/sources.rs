//! Everything that a start, a check and a reload read.

use std::sync::Arc;

use secrecy::SecretString;
use terra_auth::{Credentials, Environment, SigningSecret, ownership::Access};
use terra_auth_core::{
    clock::{SystemClock, SystemEntropy},
    store::Store,
};
use terra_auth_gateway::{Config, Gateway, Parts, SetupError};
use terra_auth_http::Certificates;

use super::options::{JWT_SECRET, Options, PROXY_SECRET, SettingsFile};
use crate::{
    failure::{Advice, Kind},
    guard::Guard,
    variable,
};

/// What a gateway is made from.
pub(crate) struct Sources {
    pub(crate) config: Config,
    pub(crate) file: SettingsFile,
    pub(crate) store: SecretString,
    pub(crate) certificates: Option<Arc<Certificates>>,
}

/// Whether a secret that is not there yet is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Leave,
}

impl Sources {
    /// Reads the settings, the keys, the secrets and the certificate. May wait for a program that gives a key.
    pub(crate) fn read(options: &Options, environment: Environment, missing: Missing) -> anyhow::Result<Self> {
        let file = options.read()?;
        let settings = file.settings.clone();
        let credentials = Credentials::load(environment)?;
        let tls = settings.tls.as_ref();
        // A key that others can read is a warning of the summary: many tools write one so.
        tls.map_or(Ok(()), |tls| Guard::Refuses.check(&tls.key, Access::Change))?;
        let certificates = tls.map(|tls| Certificates::read(&tls.certificate, &tls.key)).transpose();
        let certificates = certificates.map_err(|error| unusable(&error.into()))?;
        let store = options.places.store(&settings, environment);
        let forward_secret = settings.webhooks.forward_to.as_ref().map(|_| forward_secret(options, missing));
        let jwt_secret = variable::secret(JWT_SECRET);
        let proxy_secret = variable::secret(PROXY_SECRET);
        let forward_secret = forward_secret.transpose()?;
        let config = Config { settings, credentials, forward_secret, jwt_secret, proxy_secret, logins: Vec::new() };
        Ok(Self { config, file, store, certificates: certificates.map(Arc::new) })
    }

    /// A gateway of all this, which does not answer yet.
    pub(crate) fn gateway(&self, store: Store) -> anyhow::Result<Gateway> {
        let parts = Parts { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
        Gateway::new(&self.config, parts).map_err(refused)
    }
}

fn forward_secret(options: &Options, missing: Missing) -> anyhow::Result<SigningSecret> {
    match missing {
        Missing::Make => options.places.make_data_dir()?,
        Missing::Leave if options.places.makes_forward_secret() => return Ok("made-by-the-first-start".into()),
        Missing::Leave => {}
    }
    options.places.forward_secret()
}

/// What is wrong with the settings, and what to do.
pub(crate) fn refused(error: SetupError) -> anyhow::Error {
    match error {
        SetupError::NoLogin => {
            let next = "ask the app with --who-am-i URL, or add [login.jwt] or [login.trusted_header] to gateway.toml";
            Advice::new(Kind::Misused, "there is no way to log in, so nobody could pass", next).into()
        }
        SetupError::Client(error) => error.into(),
        error @ (SetupError::Invalid { .. } | SetupError::Http(_)) => unusable(&error.into()),
    }
}

fn unusable(error: &anyhow::Error) -> anyhow::Error {
    let next = "mend it, then see what everything amounts to with `terra-auth gateway check`";
    Advice::new(Kind::Misused, format!("{error:#}"), next).into()
}
