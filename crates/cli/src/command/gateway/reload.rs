//! Reloads the configuration of a running gateway on SIGHUP.

use secrecy::ExposeSecret as _;
use terra_auth::Environment;
use terra_auth_gateway::Gateway;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use super::{
    options::Options,
    sources::{MissingSecret, Sources, setup_error},
    summary::Summary,
};

/// Reloads the configuration each time the process gets SIGHUP.
pub(super) struct Reloader {
    options: Options,
    environment: Environment,
    gateway: Gateway,
    /// The sources at the start. Some settings take effect only after a restart.
    initial: Sources,
    hangups: Signal,
}

impl Reloader {
    /// Starts listening to SIGHUP, which no longer stops the process from now on.
    pub(super) fn new(
        options: Options,
        environment: Environment,
        gateway: Gateway,
        initial: Sources,
    ) -> anyhow::Result<Self> {
        Ok(Self { options, environment, gateway, initial, hangups: signal(SignalKind::hangup())? })
    }

    /// Reloads at each SIGHUP until `shutdown` resolves. After an error, logs it and changes nothing.
    ///
    /// Run it as a separate task: a program that prints a key may take seconds.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                asked = self.hangups.recv() => if asked.is_none() { break },
            }
            match block_in_place(|| self.reload()) {
                Ok(()) => tracing::info!("reloaded settings, keys and secrets"),
                Err(error) => tracing::error!("could not reload; nothing was changed: {error:#}"),
            }
        }
    }

    fn reload(&self) -> anyhow::Result<()> {
        let sources = Sources::read(&self.options, self.environment, MissingSecret::Create)?;
        self.gateway.reload(&sources.config).map_err(setup_error)?;
        if let Some(certificates) = &self.initial.certificates {
            certificates.reload()?;
        }
        for warning in Summary::of(&sources, &self.options).warnings {
            tracing::warn!("{warning}");
        }
        for setting in self.needs_restart(&sources) {
            tracing::warn!("{setting} has changed; restart the gateway to apply it");
        }
        Ok(())
    }

    fn needs_restart(&self, new: &Sources) -> impl Iterator<Item = &'static str> {
        let (old, settings) = (&self.initial.config.settings, &new.config.settings);
        let changed = [
            ("listen", old.listen != settings.listen),
            ("operations_listen", old.operations_listen != settings.operations_listen),
            ("tls", old.tls != settings.tls),
            ("store", self.initial.store.expose_secret() != new.store.expose_secret()),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(setting, _)| setting)
    }
}
