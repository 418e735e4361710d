use std::future::Future;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Duration, sleep},
};

/// How a server ends: asked once, it lets what is in flight finish; asked twice, it ends at once.
pub(crate) struct Shutdown {
    /// How often Ctrl-C or a supervisor has asked.
    asked: watch::Receiver<u8>,
    count: watch::Sender<u8>,
    grace: Duration,
}

impl Shutdown {
    /// Listens to the signals from now on; `grace` is how long what is in flight may go on.
    pub(crate) fn listen(grace: Duration) -> Self {
        let (count, asked) = watch::channel(0);
        tokio::spawn(count_signals(count.clone()));
        Self { asked, count, grace }
    }

    /// Asks the server to end, unless somebody has.
    pub(crate) fn ask(&self) {
        self.count.send_modify(|times| *times = (*times).max(1));
    }

    /// Resolves when the server is asked to end.
    pub(crate) fn asked(&self) -> impl Future<Output = ()> + Send + use<> {
        self.asked_times(1)
    }

    /// Waits for `work`, which ends by itself once asked; not for longer than the grace, and then says `late`.
    pub(crate) async fn with_patience(&self, work: impl Future<Output = ()>, late: &str) {
        let patience = async {
            self.asked().await;
            sleep(self.grace).await;
        };
        tokio::select! {
            () = work => {}
            () = patience => tracing::warn!("{late}"),
        }
    }

    /// Waits for all of a server's work, unless asked twice.
    pub(crate) async fn of(&self, all: impl Future) {
        tokio::select! {
            _ = all => {}
            () = self.asked_times(2) => {}
        }
    }

    fn asked_times(&self, times: u8) -> impl Future<Output = ()> + Send + use<> {
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
