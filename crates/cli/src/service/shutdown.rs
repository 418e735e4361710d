//! Signals of a server: graceful shutdown, and reload of provider files on SIGHUP.

use std::{future::Future, sync::Arc};

use anyhow::Context as _;
use terra_auth_providers::OAuthProviders;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::block_in_place,
    time::{Duration, sleep},
};

use crate::service::provider_files::ProviderFiles;

/// Graceful shutdown: the first request lets work in flight finish, a second one stops the server at once.
pub(crate) struct Shutdown {
    /// How many times Ctrl-C or a supervisor has requested a shutdown.
    asked: watch::Receiver<u8>,
    count: watch::Sender<u8>,
    grace: Duration,
}

impl Shutdown {
    /// Starts listening to the signals; `grace` limits how long work in flight may continue. The listeners exist when this
    /// returns, so no later signal is lost.
    pub(crate) fn listen(grace: Duration) -> anyhow::Result<Self> {
        let listener = |kind| signal(kind).context("could not listen to the signals that stop the process");
        let (interrupt, terminate) = (listener(SignalKind::interrupt())?, listener(SignalKind::terminate())?);
        let (count, asked) = watch::channel(0);
        tokio::spawn(count_signals(interrupt, terminate, count.clone()));
        Ok(Self { asked, count, grace })
    }

    /// Requests a shutdown, unless one was requested already.
    pub(crate) fn request(&self) {
        self.count.send_modify(|times| *times = (*times).max(1));
    }

    /// Resolves when a shutdown is requested.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + use<> {
        self.requested_times(1)
    }

    /// Waits for `work`, which stops by itself after a shutdown request. After the grace period it
    /// logs `late` and returns.
    pub(crate) async fn with_grace_period(&self, work: impl Future<Output = ()>, late: &str) {
        let patience = async {
            self.requested().await;
            sleep(self.grace).await;
        };
        tokio::select! {
            () = work => {}
            () = patience => tracing::warn!("{late}"),
        }
    }

    /// Waits for all of a server's work, or until a second shutdown request.
    pub(crate) async fn wait_for(&self, all: impl Future) {
        tokio::select! {
            _ = all => {}
            () = self.requested_times(2) => {}
        }
    }

    fn requested_times(&self, times: u8) -> impl Future<Output = ()> + Send + use<> {
        let mut asked = self.asked.clone();
        async move { drop(asked.wait_for(|so_far| *so_far >= times).await) }
    }
}

async fn count_signals(mut interrupt: Signal, mut terminate: Signal, count: watch::Sender<u8>) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        count.send_modify(|times| *times = times.saturating_add(1));
    }
}

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
