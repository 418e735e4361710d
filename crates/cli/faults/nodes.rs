//! Several nodes on one PostgreSQL database.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::join_all;
use rustix::process::Signal;
use terra_auth::Environment;
use tokio::time::sleep;

use crate::support::{
    api::{Api, CallError},
    load::{Call, Load},
    node::{Node, ServerSpec},
    postgres::Cluster,
    proxy::{Proxy, State},
    receiver::Receiver,
    report::Report,
    until,
    verdict::settle,
};

const ROUNDS: u32 = 20;

/// Within this time, every node that reaches the database rejects a revoked key.
const MAX_CONNECTED_REVOCATION_TIME: Duration = Duration::from_secs(1);

/// After this time, a node that does not reach the database rejects every key.
const MAX_CUT_OFF_REVOCATION_TIME: Duration = Duration::from_secs(3);

/// How long a paused node may delay a call at another node.
const MAX_CALL_TIME: Duration = Duration::from_secs(5);

pub(crate) async fn three_nodes(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let (mut ended, mut wrong_environments, mut wrong_tokens, mut nodes) = (0, 0, 0, 0);
    for round in 0..ROUNDS * report.times {
        let store = cluster.database(&format!("round{round}"))?;
        let specs = [(); 3].map(|()| ServerSpec::serve().on_store(&store));
        let mut started = specs.iter().map(ServerSpec::spawn).collect::<anyhow::Result<Vec<Node>>>()?;
        for node in &mut started {
            nodes += 1;
            if let Err(error) = node.ready().await {
                ended += 1;
                report.note(&format!("round {}: {error:#}", round + 1));
            }
        }
        let count = |sql: &str| cluster.count(&format!("round{round}"), sql);
        let environments = count("SELECT count(*) FROM developer")?;
        let tokens = count("SELECT count(*) FROM admin_token")?;
        wrong_environments += u32::from(environments != 1);
        wrong_tokens += u32::from(tokens != 1);
        if environments != 1 || tokens != 1 {
            report.note(&format!("round {}: {environments} environments, {tokens} admin tokens", round + 1));
        }
    }
    report.promise(ended == 0, &format!("{nodes} nodes started, {ended} of them exited"));
    report.promise(wrong_environments == 0, &format!("one environment; not in {wrong_environments} rounds"));
    report.promise(wrong_tokens == 0, &format!("one admin token; not in {wrong_tokens} rounds"));
    Ok(())
}

pub(crate) async fn paused_node(report: &mut Report) -> anyhow::Result<()> {
    const PAUSES: u32 = 4;
    const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
    let cluster = Cluster::start()?;
    let specs = [(); 2].map(|()| ServerSpec::serve().on_store(&cluster.url()));
    let nodes = [specs[0].start().await?, specs[1].start().await?];
    let receiver = Receiver::start();
    let api = specs[0].api(Environment::Production);
    receiver.expect_secret(&api.signing_secret);
    api.set_destination(Some(&receiver.url)).await?;
    let load = Load::start("paused", &[api.clone(), api.at(&specs[1].origin())], 8, true);
    load.wait_for_calls(40).await?;
    let mut pauses = Vec::new();
    for _ in 0..PAUSES * report.times {
        let since = Instant::now();
        nodes[1].signal(Signal::STOP);
        sleep(MAX_RETRY_AFTER).await;
        nodes[1].signal(Signal::CONT);
        pauses.push((since, Instant::now()));
        load.wait_for_calls(20).await?;
    }
    let told = load.end().await;
    let during = |call: &&Call| {
        call.target == 0 && pauses.iter().any(|(since, until)| call.began < *until && call.ended > *since)
    };
    let mut calls: Vec<Duration> = told.calls.iter().filter(during).map(Call::took).collect();
    calls.sort();
    let worst = calls.last().copied().unwrap_or_default();
    let slow = calls.iter().filter(|took| **took > Duration::from_secs(1)).count();
    report.note(&format!(
        "{} calls at the other node during {} pauses of {MAX_RETRY_AFTER:?}; {slow} took more than 1 s",
        calls.len(),
        pauses.len()
    ));
    report.promise(
        worst < MAX_CALL_TIME,
        &format!(
            "every call at the other node takes less than {MAX_CALL_TIME:?}; the slowest took {:.2} s",
            worst.as_secs_f64()
        ),
    );
    report.note(&format!("refused: {}", told.refusals()));
    settle(report, &api, &receiver, &told).await
}

pub(crate) async fn cut_off_node(report: &mut Report) -> anyhow::Result<()> {
    let cluster = Cluster::start()?;
    let proxy = Proxy::start(cluster.address()).await?;
    let here = ServerSpec::serve().on_store(&cluster.url());
    let there = ServerSpec::serve().on_store(&cluster.url_at(proxy.address));
    let first = here.start().await?;
    let second = there.start().await?;
    let api = here.api(Environment::Production);
    let admin = Admin { api: api.clone(), token: first.admin_token().or_else(|_| second.admin_token())? };
    let other = api.at(&there.origin());

    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let key = admin.key_that_works_at(&[&api, &other]).await?;
        slowest = slowest.max(admin.revoke_and_watch(&key, &[&api, &other]).await?);
    }
    let text = format!(
        "rejected by connected nodes within {MAX_CONNECTED_REVOCATION_TIME:?}, after {:.2} s at most",
        slowest.as_secs_f64()
    );
    report.promise(slowest < MAX_CONNECTED_REVOCATION_TIME, &text);

    for (state, how) in [(State::Frozen, "silent"), (State::Cut, "closed")] {
        let key = admin.key_that_works_at(&[&api, &other]).await?;
        proxy.set(state);
        let cut = Instant::now();
        admin.api.revoke_key(&admin.token, &key.id).await?;
        let (accepted, refusals) =
            watch(&other, &key.key, cut, 2 * MAX_CUT_OFF_REVOCATION_TIME + Duration::from_secs(4)).await;
        let last = accepted.as_secs_f64();
        report.promise(
            accepted < MAX_CUT_OFF_REVOCATION_TIME,
            &format!("cut off ({how}): nothing accepted after {MAX_CUT_OFF_REVOCATION_TIME:?}; last after {last:.2} s"),
        );
        let advised = refusals.iter().all(|refusal| {
            matches!(
                refusal,
                CallError::Answer { status: 401 | 403, .. } | CallError::Answer { status: 503, retry_after: true }
            )
        });
        report.promise(
            advised,
            &format!("cut off ({how}): refused with 401, or 503 and Retry-After: {}", words(&refusals)),
        );
        proxy.set(State::Open);
        let back = Instant::now();
        until("the node works again", Duration::from_secs(30), async || other.mint().await.ok()).await?;
        report.note(&format!("connected again: works after {:.2} s", back.elapsed().as_secs_f64()));
    }
    let accepted = paused_with_a_revoked_key(&admin, &other, &second).await?;
    report.promise(
        accepted == 0,
        &format!("paused 4 s, resumed: {accepted} calls accepted with a key that was revoked during the pause"),
    );
    Ok(())
}

struct Admin {
    api: Api,
    token: String,
}

struct Key {
    key: String,
    id: String,
}

impl Admin {
    async fn key_that_works_at(&self, nodes: &[&Api]) -> anyhow::Result<Key> {
        let (key, id) = self.api.create_key(&self.token).await?;
        for node in nodes {
            let with_key = Api { key: key.clone(), ..(*node).clone() };
            until("a new key works", Duration::from_secs(5), async || with_key.mint().await.ok()).await?;
        }
        Ok(Key { key, id })
    }

    /// Revokes a key; returns how long afterwards any node still accepted it.
    async fn revoke_and_watch(&self, key: &Key, nodes: &[&Api]) -> anyhow::Result<Duration> {
        self.api.revoke_key(&self.token, &key.id).await.context("could not revoke")?;
        let (since, mut last) = (Instant::now(), Duration::ZERO);
        let watches = nodes.iter().map(|node| watch(node, &key.key, since, Duration::from_secs(2)));
        for (accepted, _) in join_all(watches).await {
            last = last.max(accepted);
        }
        Ok(last)
    }
}

/// Uses a key continuously; returns when the last accepted use began, and the refusals.
async fn watch(node: &Api, key: &str, since: Instant, long: Duration) -> (Duration, Vec<CallError>) {
    let with_key = Api { key: key.to_owned(), ..node.clone() };
    let (mut last, mut refusals) = (Duration::ZERO, Vec::new());
    while since.elapsed() < long {
        let began = since.elapsed();
        match with_key.mint().await {
            Ok(_) => last = began,
            Err(refusal) => refusals.push(refusal),
        }
        sleep(Duration::from_millis(30)).await;
    }
    (last, refusals)
}

fn words(refusals: &[CallError]) -> String {
    let mut words: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    words.sort();
    words.dedup();
    words.join(", ")
}

/// Pauses a node, revokes a key, sends calls with it to the node, and resumes the node. Returns the
/// number of accepted calls.
async fn paused_with_a_revoked_key(admin: &Admin, other: &Api, node: &Node) -> anyhow::Result<usize> {
    let key = admin.key_that_works_at(&[&admin.api, other]).await?;
    let with_key = Api { key: key.key.clone(), ..other.clone() };
    node.signal(Signal::STOP);
    admin.api.revoke_key(&admin.token, &key.id).await?;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let api = with_key.clone();
            tokio::spawn(async move { api.mint().await.is_ok() })
        })
        .collect();
    sleep(Duration::from_secs(4)).await;
    node.signal(Signal::CONT);
    let mut accepted = 0;
    for call in waiting {
        accepted += usize::from(call.await?);
    }
    Ok(accepted)
}
