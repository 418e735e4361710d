//! Deliveries while a receiver or a provider hangs, or while another node has a stale destination.

use std::{
    collections::BTreeMap,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use terra_auth::{Environment, UserId};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::support::{
    api::Api,
    load::{Load, LoadResult},
    node::{Node, ServerSpec},
    postgres::Cluster,
    provider::Provider,
    quantile,
    receiver::Receiver,
    report::Report,
    verdict::{delays, every_change_is_heard_of, wanted},
};

/// How much other environments may delay an environment's events.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// How long to wait for the last events. Their delay is measured too.
const LAST_DELIVERY_WAIT: Duration = Duration::from_secs(5);

/// The interval between the events of one environment.
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) async fn restart_keeps_destination(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    for (name, spec) in [("SQLite", ServerSpec::serve()), ("PostgreSQL", ServerSpec::serve().on_store(&cluster.url()))]
    {
        let receiver = Receiver::start();
        let mut node = spec.start().await?;
        let api = spec.api(Environment::Production);
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
        for round in 0..3 {
            let code = node.end().await;
            report.promise(code == Some(0), &format!("{name}: the server exits after SIGTERM with {code:?}"));
            node = spec.start().await?;
            let is_unchanged = api.destination().await? == receiver.url.as_str();
            report.promise(is_unchanged, &format!("{name}: restart {} does not change the destination", round + 1));
        }
        let told = events(&[api], "restart", 10).await;
        report.acknowledged += told.acknowledged();
        every_change_is_heard_of(report, &receiver, &told, Duration::from_secs(15)).await;
    }
    Ok(())
}

pub(crate) async fn stale_destination(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let specs = [(); 3].map(|()| ServerSpec::serve().on_store(&cluster.url()));
    let mut nodes = Vec::new();
    for spec in &specs {
        nodes.push(spec.start().await?);
    }
    let receiver = Receiver::start();
    let api = specs[0].api(Environment::Production);
    receiver.expect_secret(&api.signing_secret);
    let everywhere: Vec<Api> = specs.iter().map(|spec| api.at(&spec.origin())).collect();
    let mut all = LoadResult::default();
    for round in 0..4 * report.times {
        api.set_destination(None).await?;
        let load = Load::start(&format!("stale{round}"), &everywhere, 3, false);
        // Long enough for every node to read that there is no destination.
        sleep(Duration::from_secs(2)).await;
        api.set_destination(Some(&receiver.url)).await?;
        all.add(events(std::slice::from_ref(&api), &format!("at-once{round}"), 40).await);
        load.end().await;
    }
    report.acknowledged += all.acknowledged();
    every_change_is_heard_of(report, &receiver, &all, Duration::from_secs(30)).await;
    Ok(())
}

/// Connects devices to the nodes in turn, four at a time.
async fn events(nodes: &[Api], name: &str, count: usize) -> LoadResult {
    let one = async |number: usize| {
        let user = nodes[number % nodes.len()].connect(&format!("{name}{number}")).await;
        user.map(|user| (user, Instant::now()))
    };
    let users = stream::iter(0..count).map(one).buffer_unordered(4).collect::<Vec<_>>().await;
    LoadResult { connected: users.into_iter().flatten().collect(), ..LoadResult::default() }
}

pub(crate) async fn hanging_receiver(report: &mut Report) -> anyhow::Result<()> {
    let serve = || ServerSpec::serve().with_arguments("--create-environment testing --create-environment staging");
    report.note("SQLite, one node");
    let spec = serve();
    let node = spec.start().await?;
    one_receiver_hangs(report, &[spec]).await?;
    drop(node);
    report.note("PostgreSQL, two nodes");
    let cluster = Cluster::start()?;
    let specs = [(); 2].map(|()| serve().on_store(&cluster.url()));
    let _nodes: [Node; 2] = [specs[0].start().await?, specs[1].start().await?];
    one_receiver_hangs(report, &specs).await
}

async fn one_receiver_hangs(report: &mut Report, specs: &[ServerSpec]) -> anyhow::Result<()> {
    let environments = [Environment::Production, Environment::Testing, Environment::Staging];
    let receivers = environments.map(|_| Receiver::start());
    receivers[0].hang(true);
    let mut flows = Vec::new();
    for (environment, receiver) in environments.into_iter().zip(&receivers) {
        let api = specs[0].api(environment);
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
        let nodes: Vec<Api> = specs.iter().map(|spec| api.at(&spec.origin())).collect();
        flows.push(tokio::spawn(flow(nodes, Duration::from_mins(1) * report.times)));
    }
    let mut told = Vec::new();
    for flow in flows {
        told.push(flow.await?);
    }
    sleep(LAST_DELIVERY_WAIT).await;
    report.note(&format!("{} deliveries hang at production's receiver", receivers[0].hanging()));
    for index in 1..environments.len() {
        let (told, receiver) = (&told[index], &receivers[index]);
        check_delays(report, &environments[index].to_string(), told, receiver);
    }
    Ok(())
}

/// Connects and removes one device after the other at the nodes in turn, ten changes per second.
async fn flow(nodes: Vec<Api>, long: Duration) -> LoadResult {
    let (began, mut told, mut pace) = (Instant::now(), LoadResult::default(), interval(INTERVAL));
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for turn in 0_usize.. {
        if began.elapsed() > long {
            break;
        }
        pace.tick().await;
        let api = &nodes[turn % nodes.len()];
        let Ok(user) = api.connect(&format!("flow{turn}")).await else { continue };
        told.connected.insert(user, Instant::now());
        pace.tick().await;
        if api.remove(user).await.is_ok() {
            told.removed.insert(user, Instant::now());
        }
    }
    told
}

fn check_delays(report: &mut Report, name: &str, told: &LoadResult, receiver: &Receiver) {
    let (wanted, heard) = (wanted(told), receiver.deliveries());
    let delays = delays(&wanted, &heard);
    let missing = wanted.len() - delays.len();
    report.acknowledged += wanted.len();
    report.lost += missing;
    let at = |part| quantile(&delays, part).as_secs_f64();
    let figures = format!("median {:.3} s, p99 {:.3} s, longest {:.3} s", at(0.5), at(0.99), at(1.0));
    report.promise(missing == 0, &format!("{name}: {} events, {missing} of them not delivered yet", wanted.len()));
    report.promise(quantile(&delays, 1.0) < MAX_DELAY, &format!("{name}: delays below {MAX_DELAY:?}: {figures}"));
}

pub(crate) async fn hanging_provider(report: &mut Report) -> anyhow::Result<()> {
    const USERS: usize = 128;
    let provider = Provider::start();
    let spec = ServerSpec::new(
        "serve --allow-private-addresses --create-environment production --create-environment testing --providers own.toml \
         --provider-apps apps.toml",
    );
    std::fs::write(spec.path("own.toml"), &provider.recipe)?;
    let file = spec.path("apps.toml");
    std::fs::write(&file, provider.apps)?;
    std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    let _node = spec.start().await?;
    let receivers = [Receiver::start(), Receiver::start()];
    let apis = [Environment::Production, Environment::Testing].map(|environment| spec.api(environment));
    for (api, receiver) in apis.iter().zip(&receivers) {
        receiver.expect_secret(&api.signing_secret);
        api.set_destination(Some(&receiver.url)).await?;
    }
    let logins = stream::iter(0..USERS).map(async |number| apis[0].login("ACME", &number.to_string()).await);
    let users: Vec<UserId> = logins.buffer_unordered(8).filter_map(async |user| user.ok()).collect().await;
    report.note(&format!("{} users signed in at a provider whose revocation call hangs", users.len()));
    let other = tokio::spawn(flow(vec![apis[1].clone()], Duration::from_secs(45) * report.times));
    let removals = stream::iter(users).map(async |user| apis[0].remove(user).await.map(|()| (user, Instant::now())));
    let removed: BTreeMap<UserId, Instant> =
        removals.buffer_unordered(8).filter_map(async |end| end.ok()).collect().await;
    report.promise(removed.len() == USERS, &format!("{} removals acknowledged", removed.len()));
    let told = other.await?;
    sleep(LAST_DELIVERY_WAIT).await;
    report.note(&format!("{} revocation calls hang", provider.hanging()));
    let removals = LoadResult { removed, ..LoadResult::default() };
    check_delays(report, "their deauth events", &removals, &receivers[0]);
    check_delays(report, "another environment", &told, &receivers[1]);
    Ok(())
}
