//! A database that does not respond, or restarts.

use std::time::{Duration, Instant};

use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    api::{Api, CallError},
    load::{Load, LoadResult},
    node::{Node, ServerSpec},
    postgres::Cluster,
    proxy::{Proxy, State},
    receiver::Receiver,
    report::Report,
    verdict::settle,
};

/// How long the server may take to answer a request: the time limit of a job plus the wait for a connection.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(40);

const CLIENTS: usize = 8;

const MAX_RECOVERY_TIME: Duration = Duration::from_secs(5);

struct World {
    _spec: ServerSpec,
    _node: Node,
    api: Api,
    receiver: Receiver,
}

impl World {
    async fn start(store: &str) -> anyhow::Result<Self> {
        let spec = ServerSpec::serve().on_store(store);
        let node = spec.start().await?;
        let (api, receiver) = (spec.api(Environment::Production), Receiver::start());
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
        Ok(Self { _spec: spec, _node: node, api, receiver })
    }

    async fn verdict(&self, report: &mut Report, told: &LoadResult, back: Instant, faults: u32) -> anyhow::Result<()> {
        let slowest = told.slowest();
        let text = format!(
            "every call is answered within {MAX_RESPONSE_TIME:?}; the slowest took {:.1} s",
            slowest.as_secs_f64()
        );
        report.promise(slowest < MAX_RESPONSE_TIME, &text);
        let first = told.first_write_after(back);
        let seconds = first.map_or("never".to_owned(), |first| format!("after {:.2} s", first.as_secs_f64()));
        report.promise(
            first.is_some_and(|first| first < MAX_RECOVERY_TIME),
            &format!("works again within {MAX_RECOVERY_TIME:?}: {seconds}"),
        );
        check_refusals(report, told, faults);
        settle(report, &self.api, &self.receiver, told).await
    }
}

/// Expects 503 with `Retry-After`. A call that writes may get 500 instead, if the outcome of its
/// COMMIT is unknown.
fn check_refusals(report: &mut Report, told: &LoadResult, faults: u32) {
    let is_right = |refusal: &CallError, writes| {
        matches!(refusal, CallError::Answer { status: 503, retry_after: true } | CallError::Page(_))
            || writes && matches!(refusal, CallError::Answer { status: 500, .. })
    };
    let wrong = told.calls.iter().filter(|call| call.refusal.as_ref().is_some_and(|why| !is_right(why, call.writes)));
    let unknown =
        told.calls.iter().filter(|call| matches!(call.refusal, Some(CallError::Answer { status: 500, .. }))).count();
    let wrong = wrong.count();
    report.promise(wrong == 0, &format!("refused with 503 and Retry-After, except {wrong}: {}", told.refusals()));
    // Each client has at most one COMMIT in flight at each fault.
    report.promise(
        unknown <= CLIENTS * faults as usize,
        &format!("500 only if the outcome of a COMMIT is unknown: {unknown}"),
    );
}

pub(crate) async fn frozen_postgres(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let proxy = Proxy::start(cluster.address()).await?;
    let world = World::start(&cluster.url_at(proxy.address)).await?;
    let load = Load::start("frozen", std::slice::from_ref(&world.api), CLIENTS, false);
    load.wait_for_calls(100).await?;
    proxy.set(State::Frozen);
    let ready_after = readiness(&world.api).await;
    report.note(&format!("readyz fails {:.1} s after the database stopped responding", ready_after.as_secs_f64()));
    sleep((Duration::from_secs(50) * report.times).saturating_sub(ready_after)).await;
    proxy.set(State::Open);
    let back = Instant::now();
    load.wait_for_calls(50).await?;
    sleep(Duration::from_secs(2)).await;
    let told = load.end().await;
    world.verdict(report, &told, back, 1).await
}

/// The time until the node reports that it is not ready.
async fn readiness(api: &Api) -> Duration {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(50) && api.is_ready().await.is_ok() {
        sleep(Duration::from_millis(100)).await;
    }
    began.elapsed()
}

pub(crate) async fn restart_postgres(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let world = World::start(&cluster.url()).await?;
    let load = Load::start("restart", std::slice::from_ref(&world.api), CLIENTS, true);
    let mut back = Instant::now();
    for round in 0..3 * report.times {
        load.wait_for_calls(100).await?;
        let began = Instant::now();
        cluster.restart()?;
        back = Instant::now();
        report.note(&format!("restart {} took {:.1} s", round + 1, began.elapsed().as_secs_f64()));
    }
    load.wait_for_calls(50).await?;
    let told = load.end().await;
    let restarts = 3 * report.times;
    world.verdict(report, &told, back, restarts).await
}
