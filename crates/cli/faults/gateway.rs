//! Kills the gateway ten times while it receives webhooks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::get};
use futures_util::future::join_all;
use http::Method;
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth::{
    Environment, UserId,
    webhook::{SIGNATURE_HEADER_NEW, sign},
};
use terra_auth_cli_testkit::http::send;
use tokio::{net::TcpListener, time::sleep};
use uuid::Uuid;

use crate::support::{
    Random,
    api::Api,
    load::LoadResult,
    node::ServerSpec,
    receiver::Receiver,
    report::Report,
    until,
    verdict::{REDELIVERY, every_change_is_heard_of},
};

const KILLS: u32 = 10;
const SENDERS: u128 = 6;
const FORWARD_SECRET: &str = "forward-secret-not-a-secret";

pub(crate) async fn kill(report: &mut Report) -> anyhow::Result<()> {
    let upstream = ServerSpec::new("dev --in-memory");
    let _upstream = upstream.start().await?;
    let app = Receiver::start();
    app.expect_secret(FORWARD_SECRET);
    let arguments = format!("gateway --who-am-i {}/me --forward-to {}", who_am_i().await?, app.url);
    let gateway = upstream.in_same_folder(&arguments).with("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET);
    let mut node = gateway.start().await?;
    let terra = upstream.api(Environment::Testing).at(&gateway.origin());
    let (mut all, mut slowest) = (LoadResult::default(), Duration::ZERO);
    for round in 0..KILLS * report.times {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let first = |sender| (u128::from(round + 1) << 96) | (sender << 64);
        let senders = (0..SENDERS)
            .map(|sender| tokio::spawn(webhooks(terra.clone(), first(sender), Arc::clone(&stop), Arc::clone(&count))));
        let senders: Vec<_> = senders.collect();
        until("webhooks are acknowledged", Duration::from_secs(30), async || {
            (count.load(Ordering::Relaxed) > 60).then_some(())
        })
        .await?;
        sleep(Random(round.into()).pause(50, 800)).await;
        node.signal(Signal::KILL);
        stop.store(true, Ordering::Relaxed);
        let mut taken = BTreeMap::new();
        for acknowledged in join_all(senders).await {
            taken.extend(acknowledged?);
        }
        node = gateway.start().await?;
        slowest = slowest.max(node.took);
        report.note(&format!(
            "kill {}: {} webhooks acknowledged, up again in {:.2} s",
            round + 1,
            taken.len(),
            node.took.as_secs_f64()
        ));
        all.connected.extend(taken);
    }
    report.acknowledged += all.connected.len();
    report.promise(
        slowest < Duration::from_secs(5),
        &format!("up again within 5 s, in {:.2} s at most", slowest.as_secs_f64()),
    );
    every_change_is_heard_of(report, &app, &all, REDELIVERY).await;
    Ok(())
}

/// Starts an app that identifies every user as `alice`.
async fn who_am_i() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = || async { Json(json!({ "id": "alice" })) };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/me", get(answer))).await });
    Ok(url)
}

/// Sends webhooks as Terra does; returns the acknowledged ones with their times.
async fn webhooks(terra: Api, first: u128, stop: Arc<AtomicBool>, count: Arc<AtomicU64>) -> BTreeMap<UserId, Instant> {
    let mut acknowledged = BTreeMap::new();
    for id in first.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let user = UserId(Uuid::from_u128(id));
        if is_taken(&terra, user).await {
            acknowledged.insert(user, Instant::now());
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    acknowledged
}

#[expect(clippy::disallowed_methods, reason = "the gateway uses the system clock")]
async fn is_taken(terra: &Api, user: UserId) -> bool {
    let data = "x".repeat(3500);
    let about: Value = json!({ "user_id": user, "provider": "FITBIT", "reference_id": "alice", "active": true });
    let body = json!({ "type": "auth", "status": "success", "user": about, "data": data }).to_string();
    let signature = sign(terra.signing_secret.as_bytes(), Timestamp::now().as_second(), body.as_bytes());
    let trace_id = format!("trace-{user}");
    let headers = [(SIGNATURE_HEADER_NEW, &*signature), ("x-terra-trace-id", &*trace_id)];
    let url = format!("{}/webhooks/terra", terra.origin);
    send(Method::POST, &url, &headers, body).await.is_ok_and(|reply| reply.status.is_success())
}
