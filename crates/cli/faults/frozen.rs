//! A database that is silent or away for a while.

use std::time::{Duration, Instant};

use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    api::{Api, Refusal},
    load::{Load, Told},
    node::{Node, Spec},
    postgres::Cluster,
    proxy::{Proxy, State},
    receiver::Receiver,
    report::Report,
    settle::settle,
};

/// The longest that the server may leave a request without an answer: a job's bound, and the wait for a connection.
const BOUND: Duration = Duration::from_secs(40);

const CLIENTS: usize = 8;

const RECOVERY: Duration = Duration::from_secs(5);

struct World {
    _spec: Spec,
    _node: Node,
    api: Api,
    receiver: Receiver,
}

impl World {
    async fn start(store: &str) -> anyhow::Result<Self> {
        let spec = Spec::serve().on(store);
        let node = spec.start().await?;
        let (api, receiver) = (spec.api(Environment::Production), Receiver::start());
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
        Ok(Self { _spec: spec, _node: node, api, receiver })
    }

    async fn verdict(&self, report: &mut Report, told: &Told, back: Instant, faults: u32) -> anyhow::Result<()> {
        let slowest = told.slowest();
        let text = format!("every call is answered within {BOUND:?}, the slowest after {:.1} s", slowest.as_secs_f64());
        report.promise(slowest < BOUND, &text);
        let first = told.first_write_after(back);
        let seconds = first.map_or("never".to_owned(), |first| format!("after {:.2} s", first.as_secs_f64()));
        report.promise(
            first.is_some_and(|first| first < RECOVERY),
            &format!("works again within {RECOVERY:?}: {seconds}"),
        );
        refusals_say_when_to_come_back(report, told, faults);
        settle(report, &self.api, &self.receiver, told).await
    }
}

/// A call that writes may get a 500 instead, if nobody knows whether its COMMIT was done.
fn refusals_say_when_to_come_back(report: &mut Report, told: &Told, faults: u32) {
    let is_right = |refusal: &Refusal, writes| {
        matches!(refusal, Refusal::Answer { status: 503, retry_after: true } | Refusal::Page(_))
            || writes && matches!(refusal, Refusal::Answer { status: 500, .. })
    };
    let wrong = told.calls.iter().filter(|call| call.refusal.as_ref().is_some_and(|why| !is_right(why, call.writes)));
    let unknown =
        told.calls.iter().filter(|call| matches!(call.refusal, Some(Refusal::Answer { status: 500, .. }))).count();
    let wrong = wrong.count();
    report.promise(wrong == 0, &format!("refused with 503 and Retry-After, but for {wrong}: {}", told.refusals()));
    // Each client has at most one commit under way at each fault.
    report.promise(
        unknown <= CLIENTS * faults as usize,
        &format!("500 only where the outcome of a COMMIT is unknown: {unknown}"),
    );
}

pub(crate) async fn frozen_postgres(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let proxy = Proxy::start(cluster.address()).await?;
    let world = World::start(&cluster.url_at(proxy.address)).await?;
    let load = Load::start("frozen", std::slice::from_ref(&world.api), CLIENTS, false);
    load.some_more(100).await?;
    proxy.set(State::Frozen);
    let ready_after = readiness(&world.api).await;
    report.note(&format!("readyz is refused {:.1} s after the database fell silent", ready_after.as_secs_f64()));
    sleep((Duration::from_secs(50) * report.times).saturating_sub(ready_after)).await;
    proxy.set(State::Open);
    let back = Instant::now();
    load.some_more(50).await?;
    sleep(Duration::from_secs(2)).await;
    let told = load.end().await;
    world.verdict(report, &told, back, 1).await
}

/// How long it takes until the node says that it cannot work.
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
        load.some_more(100).await?;
        let began = Instant::now();
        cluster.restart()?;
        back = Instant::now();
        report.note(&format!("restart {} took {:.1} s", round + 1, began.elapsed().as_secs_f64()));
    }
    load.some_more(50).await?;
    let told = load.end().await;
    let restarts = 3 * report.times;
    world.verdict(report, &told, back, restarts).await
}
