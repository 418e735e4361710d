//! A server that takes new recipes while it runs.

use std::sync::Arc;

use anyhow::Context as _;
use terra_auth_outbound::OAuthProviders;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use crate::command::providers::files::ProviderFiles;

/// Reads recipes and apps again each time the process gets SIGHUP.
pub(crate) struct Reload {
    providers: Arc<OAuthProviders>,
    files: ProviderFiles,
    hangups: Signal,
}

impl Reload {
    /// From now on SIGHUP does not end the process.
    pub(crate) fn listen(providers: Arc<OAuthProviders>, files: ProviderFiles) -> anyhow::Result<Self> {
        let hangups = signal(SignalKind::hangup()).context("could not listen to SIGHUP")?;
        Ok(Self { providers, files, hangups })
    }

    /// Reloads until `shutdown` resolves. Whatever is wrong is logged, and everything stays as it was.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                asked = self.hangups.recv() => if asked.is_none() { break },
            }
            match block_in_place(|| self.files.read()) {
                Ok((recipes, app_of)) => self.providers.exchange_recipes(recipes, app_of),
                Err(error) => tracing::error!("could not reload, so all providers stay as they were: {error:#}"),
            }
        }
    }
}
