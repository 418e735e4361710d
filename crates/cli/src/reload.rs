//! Reloads recipes and provider apps while the server runs.

use std::sync::Arc;

use anyhow::Context as _;
use terra_auth_providers::OAuthProviders;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use crate::provider_files::ProviderFiles;

/// Reads recipes and apps again each time the process gets SIGHUP.
pub(crate) struct Reload {
    providers: Arc<OAuthProviders>,
    files: ProviderFiles,
    hangups: Signal,
}

impl Reload {
    /// Starts listening to SIGHUP, which no longer stops the process from now on.
    pub(crate) fn listen(providers: Arc<OAuthProviders>, files: ProviderFiles) -> anyhow::Result<Self> {
        let hangups = signal(SignalKind::hangup()).context("could not listen to SIGHUP")?;
        Ok(Self { providers, files, hangups })
    }

    /// Reloads at each SIGHUP until `shutdown` resolves. If a file is invalid, logs the error and
    /// changes nothing.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                asked = self.hangups.recv() => if asked.is_none() { break },
            }
            match block_in_place(|| self.files.read()) {
                Ok((recipes, app_of)) => self.providers.exchange_recipes(recipes, app_of),
                Err(error) => tracing::error!("could not reload the providers; nothing was changed: {error:#}"),
            }
        }
    }
}
