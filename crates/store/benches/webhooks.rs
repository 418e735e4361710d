//! Takes a hundred thousand events of 4 KiB in through a gateway, over HTTP and each durable before it is acknowledged,
//! beside the barest group commit of the same row through rusqlite: one that answers as many callers, and, for the
//! distance to the disk itself, one that has nobody to answer.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

mod bare;

use std::{
    future::pending,
    net::SocketAddr,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, types::Value};
use terra_auth::{Credentials, Environment, webhook::sign};
use terra_auth_gateway::{Config, Dependencies, Gateway, Settings};
use terra_auth_http::{ServerLimits, Workers, serve};
use terra_auth_model::clock::{Clock as _, SystemClock, SystemEntropy};
use terra_auth_testkit::bench;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinSet,
};

use bare::{Bare, CALLERS};

/// Without optimisation it only shows that everything works.
const EVENTS: u32 = if cfg!(debug_assertions) { 4_000 } else { 100_000 };
const ROUNDS: u32 = if cfg!(debug_assertions) { 2 } else { 20 };
const BODY_BYTES: usize = 4096;
const SECRET: &str = "signing-secret-not-a-secret";

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(); // a temporary folder may be in memory
    let servers = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = Builder::new_current_thread().enable_all().build().unwrap();
    let file = folder.path().join("ours.db");
    let gateway = servers.block_on(start(&file));
    let (mut bare, mut rounds, mut latencies) = (None, Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let share = EVENTS / ROUNDS;
        let (ours, took) = load.block_on(send(gateway, round * share..(round + 1) * share));
        let bare = bare.get_or_insert_with(|| beside(&file, &folder.path().join("bare.db")));
        rounds.push(Round { ours, answering: bare.round_of_callers(&servers), alone: bare.round_alone() });
        latencies.extend(took);
    }
    show(&rounds, latencies);
    let recorded = recorded(&file);
    bench::report(&format!("recorded {recorded} of {EVENTS}"));
    assert_eq!(recorded, EVENTS);
}

/// Events or rows per second.
struct Round {
    ours: f64,
    answering: f64,
    alone: f64,
}

fn show(rounds: &[Round], mut latencies: Vec<Duration>) {
    let median = |value: fn(&Round) -> f64| bench::median(rounds.iter().map(value).collect());
    latencies.sort_unstable();
    let [p50, p99] = [50, 99].map(|percent| latencies[latencies.len() * percent / 100].as_secs_f64() * 1000.0);
    let ours = median(|round| round.ours);
    bench::report(&format!(
        "webhooks: {ours:.0} events/s, p50 {p50:.2} ms, p99 {p99:.2} ms; median of {ROUNDS} rounds"
    ));
    let beside = |name, rate: f64, ratio: f64| {
        bench::report(&format!("webhooks, beside a commit for {name}: baseline {rate:.0}/s; ratio {ratio:.2}, no bar"));
    };
    beside("all who wait", median(|round| round.answering), median(|round| round.ours / round.answering));
    beside("nobody", median(|round| round.alone), median(|round| round.ours / round.alone));
}

/// A gateway that keeps what it receives in a file.
async fn start(file: &Path) -> SocketAddr {
    let nobody = r#"login.trusted_header = { name = "x-user", peers = ["127.0.0.1/32"] }"#;
    let keys = ("acme-testing-0000000000".parse().unwrap(), "test-key-not-a-secret".into());
    let mut credentials = Credentials::new(Environment::Testing, keys.0, keys.1);
    credentials.signing_secret = Some(SECRET.into());
    let config = Config {
        settings: Settings::from_toml(nobody, "settings").unwrap(),
        credentials,
        forward_secret: None,
        jwt_secret: None,
        proxy_secret: None,
        logins: Vec::new(),
    };
    let store = terra_auth_store::open_shared(&format!("sqlite://{}", file.display()).into()).await.unwrap();
    let parts = Dependencies { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let gateway = Gateway::new(&config, parts).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, gateway.router(), ServerLimits::default(), Workers::of_this_thread(), pending()));
    address
}

/// Sends the events with these numbers over some connections: how many were taken per second, and how long each took.
async fn send(gateway: SocketAddr, numbers: Range<u32>) -> (f64, Vec<Duration>) {
    let (start, count) = (Instant::now(), f64::from(numbers.end - numbers.start));
    let next = Arc::new(AtomicU32::new(numbers.start));
    let callers: JoinSet<_> = (0..CALLERS).map(|_| deliver(gateway, Arc::clone(&next), numbers.end)).collect();
    let latencies = callers.join_all().await.concat();
    (count / start.elapsed().as_secs_f64(), latencies)
}

async fn deliver(gateway: SocketAddr, next: Arc<AtomicU32>, end: u32) -> Vec<Duration> {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut latencies, mut answer) = (Vec::new(), [0; 1024]);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return latencies;
        }
        let request = request(number);
        let start = Instant::now();
        stream.write_all(&request).await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        latencies.push(start.elapsed());
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(r#"{"status":"success"}"#), "{answer}");
    }
}

/// An event as Terra sends it, signed.
fn request(number: u32) -> Vec<u8> {
    let user = "00000000-0000-4000-8000-000000000000";
    let body = format!(r#"{{"type":"daily","user":{{"user_id":"{user}"}},"data":[{{"steps":{number},"pad":""#);
    let body = format!("{body:-<width$}\"}}]}}", width = BODY_BYTES - 4);
    let signature = sign(SECRET.as_bytes(), SystemClock.now().as_second(), body.as_bytes());
    let trace_id = trace_id(number);
    format!(
        "POST /webhooks/terra HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nuser-agent: bench\r\n\
         terra-signature: {signature}\r\nx-terra-trace-id: {trace_id}\r\nterra-reference: bench\r\n\
         content-length: {BODY_BYTES}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The same row, under ids like those of ours: an event's grow, the others lie anywhere.
fn beside(ours: &Path, file: &Path) -> Bare {
    let event_id: bare::Id = |number| Value::Blob(u128::from(number).to_be_bytes().to_vec());
    let digest: bare::Id = |number| Value::Blob(anywhere(number).to_be_bytes().repeat(2));
    let ids = [("event_id", event_id), ("trace_id", |number| Value::Text(trace_id(number))), ("digest", digest)];
    Bare::beside(ours, file, "received_event", "", &ids)
}

fn trace_id(number: u32) -> String {
    format!("{:032x}", anywhere(number))
}

/// Another number for each, in no order.
fn anywhere(number: u32) -> u128 {
    u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn recorded(file: &Path) -> u32 {
    let count = format!("SELECT COUNT(*) FROM received_event WHERE LENGTH(body) = {BODY_BYTES}");
    Connection::open(file).unwrap().query_row(&count, [], |row| row.get(0)).unwrap()
}
