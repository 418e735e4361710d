use std::{num::NonZeroU32, time::Duration};

use terra_auth_model::causes::Causes;
use tokio::time::sleep;

use super::{Drift, ReconcileError, ReconcileOptions, reconcile};
use crate::{gateway::Gateway, metrics};

const EVERY_S: u32 = 3600;
/// The delay of the first run after the start.
const FIRST_DELAY: Duration = Duration::from_secs(3);

impl Gateway {
    /// Compares the known connections with the upstream, soon after the start and then at the configured interval, until
    /// `shutdown` is ready. A running comparison is then cancelled.
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

    /// Varies the interval by a tenth, so that many nodes do not call at once.
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
        tracing::debug!(upstream, "the known connections are equal to those of the upstream");
    } else {
        tracing::info!(
            upstream,
            missing,
            changed,
            gone,
            unknown,
            not_asked,
            repaired,
            "the known connections differ from those of the upstream"
        );
    }
}
