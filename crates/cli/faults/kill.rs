//! Kills `serve` twelve times under load.

use std::time::Duration;

use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    Random,
    load::{Load, LoadResult},
    node::{Node, ServerSpec},
    postgres::Cluster,
    receiver::Receiver,
    report::Report,
    verdict::{REDELIVERY, connections_are_as_told, every_change_is_heard_of, redeemed_again},
};

const ROUNDS: u32 = 12;
const WORKERS: usize = 4;

/// How long a start may take after a kill, in a debug build on a busy machine. A release build
/// takes about 0.1 s.
const MAX_START_TIME: Duration = Duration::from_secs(5);

pub(crate) async fn sqlite(report: &mut Report) -> anyhow::Result<()> {
    run(report, &ServerSpec::serve()).await
}

pub(crate) async fn postgres(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    run(report, &ServerSpec::serve().on_store(&cluster.url())).await
}

async fn run(report: &mut Report, spec: &ServerSpec) -> anyhow::Result<()> {
    let receiver = Receiver::start();
    let mut node = spec.start().await?;
    let api = spec.api(Environment::Production);
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let (mut all, mut twice, mut slowest) = (LoadResult::default(), 0, Duration::ZERO);
    for round in 0..ROUNDS * report.times {
        let (told, took) = one_round(round, spec, &mut node).await?;
        twice += redeemed_again(&api, &told.spent).await;
        slowest = slowest.max(took);
        let count = told.acknowledged();
        report.note(&format!(
            "kill {}: {count} changes acknowledged, up again in {:.2} s",
            round + 1,
            took.as_secs_f64()
        ));
        all.add(told);
    }
    report.twice += twice;
    report.promise(twice == 0, &format!("{} tokens redeemed, {twice} of them twice", all.spent.len()));
    let took = slowest.as_secs_f64();
    report.promise(slowest < MAX_START_TIME, &format!("up again within {MAX_START_TIME:?}, in {took:.2} s at most"));
    connections_are_as_told(report, &api, &all).await?;
    every_change_is_heard_of(report, &receiver, &all, REDELIVERY).await;
    Ok(())
}

/// Runs load, kills the server at a random moment, and starts it again. Returns the clients'
/// results and the duration of the start.
async fn one_round(round: u32, spec: &ServerSpec, node: &mut Node) -> anyhow::Result<(LoadResult, Duration)> {
    let load = Load::start(&format!("r{round}"), &[spec.api(Environment::Production)], WORKERS, true);
    load.wait_for_calls(4 * WORKERS).await?;
    sleep(Random(round.into()).pause(100, 900)).await;
    node.signal(rustix::process::Signal::KILL);
    let told = load.end().await;
    *node = spec.start().await?;
    Ok((told, node.took))
}
