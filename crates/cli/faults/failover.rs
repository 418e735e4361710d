//! A primary with a synchronous standby. The primary is killed or hangs, and the standby is promoted.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    load::Load, node::ServerSpec, postgres::Cluster, receiver::Receiver, report::Report, verdict::settle,
};

/// The time from the promotion to the first acknowledged write.
const MAX_FIRST_WRITE_TIME: Duration = Duration::from_secs(5);

/// The time from the fault to the promotion, as with a cluster manager.
const PROMOTION_DELAY: Duration = Duration::from_secs(3);

pub(crate) async fn killed(report: &mut Report) -> anyhow::Result<()> {
    run(report, Signal::KILL).await
}

pub(crate) async fn frozen(report: &mut Report) -> anyhow::Result<()> {
    run(report, Signal::STOP).await
}

async fn run(report: &mut Report, fault: Signal) -> anyhow::Result<()> {
    let primary = Cluster::start()?;
    let standby = primary.standby()?;
    let url = format!("postgres://postgres@{},{}/postgres", primary.address(), standby.address());
    let spec = ServerSpec::serve().on_store(&url);
    let _node = spec.start().await?;
    let receiver = Receiver::start();
    let api = spec.api(Environment::Production);
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let load = Load::start("failover", std::slice::from_ref(&api), 8, true);
    load.wait_for_calls(100).await?;
    sleep(Duration::from_secs(3)).await;
    primary.signal(fault)?;
    report.note(&format!("sent {fault:?} to the primary"));
    sleep(PROMOTION_DELAY).await;
    let promoted = Instant::now();
    standby.promote()?;
    report.note(&format!("promoted the standby in {:.2} s", promoted.elapsed().as_secs_f64()));
    sleep(Duration::from_secs(15) * report.times).await;
    let told = load.end().await;
    let first = told.first_write_after(promoted);
    let seconds = first.map_or("never".to_owned(), |first| format!("after {:.2} s", first.as_secs_f64()));
    report.promise(
        first.is_some_and(|first| first < MAX_FIRST_WRITE_TIME),
        &format!("first write within {MAX_FIRST_WRITE_TIME:?} of the promotion: {seconds}"),
    );
    report.note(&format!("refused: {}; slowest call {:.1} s", told.refusals(), told.slowest().as_secs_f64()));
    // A frozen primary stays frozen, like a machine that hangs.
    settle(report, &api, &receiver, &told).await
}
