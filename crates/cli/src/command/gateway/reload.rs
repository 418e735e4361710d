use secrecy::ExposeSecret as _;
use terra_auth::Environment;
use terra_auth_gateway::Gateway;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use super::{
    options::Options,
    sources::{Missing, Sources, refused},
    summary::Summary,
};

/// Reads everything again each time the process gets SIGHUP.
pub(super) struct Reloader {
    options: Options,
    environment: Environment,
    gateway: Gateway,
    /// What it started with: some of it stays until the next start.
    started: Sources,
    hangups: Signal,
}

impl Reloader {
    /// From now on SIGHUP does not end the process.
    pub(super) fn new(
        options: Options,
        environment: Environment,
        gateway: Gateway,
        started: Sources,
    ) -> anyhow::Result<Self> {
        Ok(Self { options, environment, gateway, started, hangups: signal(SignalKind::hangup())? })
    }

    /// Reloads until `shutdown` resolves. Whatever is wrong is logged, and everything stays as it was.
    ///
    /// To be a task of its own: a key may come from a program that takes seconds.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                asked = self.hangups.recv() => if asked.is_none() { break },
            }
            match block_in_place(|| self.reload()) {
                Ok(()) => tracing::info!("read settings, keys and secrets again"),
                Err(error) => tracing::error!("could not reload, so everything stays as it was: {error:#}"),
            }
        }
    }

    fn reload(&self) -> anyhow::Result<()> {
        let sources = Sources::read(&self.options, self.environment, Missing::Make)?;
        self.gateway.reload(&sources.config).map_err(refused)?;
        if let Some(certificates) = &self.started.certificates {
            certificates.reload()?;
        }
        for warning in Summary::of(&sources, &self.options).warnings {
            tracing::warn!("{warning}");
        }
        for setting in self.needs_restart(&sources) {
            tracing::warn!("{setting} has changed, which takes a restart to count");
        }
        Ok(())
    }

    fn needs_restart(&self, new: &Sources) -> impl Iterator<Item = &'static str> {
        let (old, settings) = (&self.started.config.settings, &new.config.settings);
        let changed = [
            ("listen", old.listen != settings.listen),
            ("operations_listen", old.operations_listen != settings.operations_listen),
            ("tls", old.tls != settings.tls),
            ("store", self.started.store.expose_secret() != new.store.expose_secret()),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(setting, _)| setting)
    }
}
