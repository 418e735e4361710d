use std::future::Future;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Duration, sleep},
};

/// Graceful shutdown: the first request lets work in flight finish, a second one stops the server at once.
pub(crate) struct Shutdown {
    /// How many times Ctrl-C or a supervisor has requested a shutdown.
    asked: watch::Receiver<u8>,
    count: watch::Sender<u8>,
    grace: Duration,
}

impl Shutdown {
    /// Starts listening to the signals; `grace` limits how long work in flight may continue.
    pub(crate) fn listen(grace: Duration) -> Self {
        let (count, asked) = watch::channel(0);
        tokio::spawn(count_signals(count.clone()));
        Self { asked, count, grace }
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

async fn count_signals(count: watch::Sender<u8>) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        count.send_modify(|times| *times = times.saturating_add(1));
    }
}
