//! Clocks that are ahead, or jump forward and back, simulated with libfaketime.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    api::Api,
    load::{Load, LoadResult},
    node::ServerSpec,
    postgres::Cluster,
    receiver::Receiver,
    report::Report,
    verdict::{every_change_is_heard_of, redeemed_again},
};

const TOKENS: usize = 20;

/// Longer than a node takes to delete expired rows after its start or a jump.
const HOUSEKEEPING_WAIT: Duration = Duration::from_secs(6);

pub(crate) async fn clock(report: &mut Report) -> anyhow::Result<()> {
    let library = library().context("libfaketime is not installed: run `cargo xtask setup`")?;
    a_node_ahead(report, &library).await?;
    a_jump_and_back(report, &library, "+12h", true).await?;
    // A spent token is stored for a day beyond its expiry. If the clock jumps further, the server deletes it.
    a_jump_and_back(report, &library, "+1y", false).await
}

/// The path of the library on Debian, on any architecture.
fn library() -> Option<String> {
    let folders = Path::new("/usr/lib").read_dir().ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists()).map(|file| file.display().to_string())
}

/// The server with a clock that follows the file without delay. The monotonic clock of the process
/// is not changed.
fn at_the_time_of(spec: ServerSpec, library: &str, file: &Path) -> ServerSpec {
    spec.with("LD_PRELOAD", library)
        .with("FAKETIME_TIMESTAMP_FILE", &file.display().to_string())
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("DONT_FAKE_MONOTONIC", "1")
}

async fn spend(api: &Api, name: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut spent = Vec::new();
    for number in 0..TOKENS {
        let (token, device) = (api.mint().await?, format!("{name}{number}"));
        api.redeem(&token, &device).await?;
        spent.push((token, device));
    }
    Ok(spent)
}

async fn a_node_ahead(report: &mut Report, library: &str) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let right = ServerSpec::serve().on_store(&cluster.url());
    let _right = right.start().await?;
    let api = right.api(Environment::Production);
    let spent = spend(&api, "ahead").await?;
    let file = right.path("clock");
    fs::write(&file, "+200s\n")?;
    let ahead = at_the_time_of(ServerSpec::serve().on_store(&cluster.url()), library, &file);
    let _ahead = ahead.start().await?;
    sleep(HOUSEKEEPING_WAIT).await;
    let twice = redeemed_again(&api, &spent).await;
    report.acknowledged += spent.len();
    report.twice += twice;
    report.promise(twice == 0, &format!("a node 200 s ahead: {TOKENS} tokens spent, {twice} of them twice"));
    Ok(())
}

async fn a_jump_and_back(report: &mut Report, library: &str, jump: &str, remembers: bool) -> anyhow::Result<()> {
    let spec = ServerSpec::serve();
    let file = spec.path("clock");
    fs::write(&file, "+0\n")?;
    let spec = at_the_time_of(spec, library, &file);
    let node = spec.start().await?;
    let (api, receiver) = (spec.api(Environment::Production), Receiver::start());
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let spent = spend(&api, "jump").await?;
    fs::write(&file, format!("{jump}\n"))?;
    sleep(HOUSEKEEPING_WAIT).await;
    let mut told = work(&api, "far").await?;
    // A start deletes expired rows too.
    drop(node);
    let _node = spec.start().await?;
    sleep(HOUSEKEEPING_WAIT).await;
    fs::write(&file, "+0\n")?;
    told.add(work(&api, "back").await?);
    let twice = redeemed_again(&api, &spent).await;
    report.acknowledged += spent.len() + told.acknowledged();
    let text = format!("{jump} and back: {TOKENS} tokens spent, {twice} of them twice");
    if remembers {
        report.twice += twice;
        report.promise(twice == 0, &text);
    } else {
        report.note(&format!("{text}; no promise for a jump of more than a day"));
    }
    let failed = told.calls.iter().filter(|call| call.refusal.is_some()).count();
    report.promise(
        failed == 0,
        &format!("{jump} and back: calls succeed; {failed} of {} failed: {}", told.calls.len(), told.refusals()),
    );
    every_change_is_heard_of(report, &receiver, &told, Duration::from_secs(90)).await;
    Ok(())
}

async fn work(api: &Api, name: &str) -> anyhow::Result<LoadResult> {
    let load = Load::start(name, std::slice::from_ref(api), 2, true);
    load.wait_for_calls(40).await?;
    Ok(load.end().await)
}
