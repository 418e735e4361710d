//! A primary with a synchronous standby, of which the primary dies or hangs.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{load::Load, node::Spec, postgres::Cluster, receiver::Receiver, report::Report, settle::settle};

/// From the promotion to the first acknowledged write.
const FIRST_WRITE: Duration = Duration::from_secs(5);

/// From the fault to the promotion, as a cluster manager takes.
const DECISION: Duration = Duration::from_secs(3);

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
    let spec = Spec::serve().on(&url);
    let _node = spec.start().await?;
    let receiver = Receiver::start();
    let api = spec.api(Environment::Production);
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let load = Load::start("failover", std::slice::from_ref(&api), 8, true);
    load.some_more(100).await?;
    sleep(Duration::from_secs(3)).await;
    primary.signal(fault)?;
    report.note(&format!("the primary has got {fault:?}"));
    sleep(DECISION).await;
    let promoted = Instant::now();
    standby.promote()?;
    report.note(&format!("the standby is promoted, which took {:.2} s", promoted.elapsed().as_secs_f64()));
    sleep(Duration::from_secs(15) * report.times).await;
    let told = load.end().await;
    let first = told.first_write_after(promoted);
    let seconds = first.map_or("never".to_owned(), |first| format!("after {:.2} s", first.as_secs_f64()));
    report.promise(
        first.is_some_and(|first| first < FIRST_WRITE),
        &format!("first write within {FIRST_WRITE:?} of the promotion: {seconds}"),
    );
    report.note(&format!("refused: {}; slowest call {:.1} s", told.refusals(), told.slowest().as_secs_f64()));
    // A frozen primary stays frozen, as a machine that hangs does.
    settle(report, &api, &receiver, &told).await
}
