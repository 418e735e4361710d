use std::{num::NonZeroU32, time::Duration};

use terra_auth_model::causes::Causes;
use tokio::time::sleep;

use super::{Drift, ReconcileError, ReconcileOptions, reconcile};
use crate::{gateway::Gateway, metrics};

const EVERY_S: u32 = 3600;
/// The first run waits for the start to be over.
const FIRST_DELAY: Duration = Duration::from_secs(3);

impl Gateway {
    /// Compares what is known with what the upstream has, soon and then as often as the settings say, until `shutdown` is
    /// ready. Whatever a run was about to do then is left for the next.
    pub async fn reconcile_regularly(&self, shutdown: impl Future<Output = ()>) {
        let runs = async {
            let mut pause = self.jittered(FIRST_DELAY);
            loop {
                sleep(pause).await;
                report(self.reconcile().await);
                let every_s = self.live().settings.reconcile.every_s.map_or(EVERY_S, NonZeroU32::get);
                pause = self.jittered(Duration::from_secs(every_s.into()));
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = runs => {}
        }
    }

    async fn reconcile(&self) -> Result<Drift, ReconcileError> {
        let live = self.live();
        let options = ReconcileOptions { repair: live.settings.reconcile.repair, force: false, progress: &|_| () };
        reconcile(live.clients.any(), self.inbox(), self.clock(), options).await
    }

    /// A tenth more or less, so that many nodes do not ask at once.
    fn jittered(&self, pause: Duration) -> Duration {
        let [draw] = self.entropy().bytes();
        pause.mul_f64(0.9 + 0.2 * f64::from(draw) / 255.0)
    }
}

fn report(run: Result<Drift, ReconcileError>) {
    let drift = match run {
        Ok(drift) => drift,
        Err(error) => return tracing::warn!(error = %Causes(&error), "could not compare with the upstream"),
    };
    metrics::drift(&drift);
    let Drift { upstream, missing, changed, gone, unknown, not_asked, repaired, .. } = &drift;
    let (missing, changed, gone) = (missing.count, changed.count, gone.count);
    if drift.is_none() {
        tracing::debug!(upstream, "what is known is what the upstream has");
    } else {
        tracing::info!(
            upstream,
            missing,
            changed,
            gone,
            unknown,
            not_asked,
            repaired,
            "what was known is not what the upstream has"
        );
    }
}
