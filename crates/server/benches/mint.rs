//! Mints mobile tokens over HTTP, beside a handler that answers the same bytes and does nothing. Both are served by our
//! accept loop on two threads, and both bear the same load: 64 connections that ask again as soon as they are answered.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

use std::{
    future::pending,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use terra_auth_core::{admin::action::Admin, developer::NewDeveloper};
use terra_auth_http::{ServerLimits, Workers, serve};
use terra_auth_server::router;
use terra_auth_testkit::bench;
use terra_auth_types::Environment;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    task::JoinSet,
};

const BAR: Option<f64> = Some(0.80);
const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_millis(250);

fn main() {
    let servers = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, request) = servers.block_on(start_ours());
    let answer = load.block_on(ask_once(ours, &request));
    let bare = servers.block_on(start_bare(&answer));
    let round = |server| load.block_on(round(server, &request, answer.len()));
    bench::compare("mint", BAR, || round(bare), || round(ours));
}

/// Our server, and a request as official clients send it.
async fn start_ours() -> (SocketAddr, Bytes) {
    let auth = terra_auth_testkit::auth(terra_auth_store::open(&"sqlite::memory:".into()).await.unwrap());
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let keys = auth.create_developer(&Admin::local("bench"), new).await.unwrap();
    let request = format!(
        "POST /v2/auth/tokens HTTP/1.1\r\nhost: localhost\r\ndev-id: {}\r\nx-api-key: {}\r\n\
         content-type: application/json\r\naccept: */*\r\ncontent-length: 0\r\n\r\n",
        keys.dev_id,
        keys.api_key.expose()
    );
    (start(router(auth)).await, request.into())
}

/// A server that always says what ours said once.
async fn start_bare(answer: &str) -> SocketAddr {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let given = lines.filter(|(name, _)| !["content-length", "date"].contains(name)); // hyper writes these
    let headers: HeaderMap = given
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    let body = Bytes::from(body.to_owned());
    start(Router::new().route("/v2/auth/tokens", post(move || async move { (headers, body) }))).await
}

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, ServerLimits::default(), Workers::of_this_thread(), pending()));
    address
}

async fn ask_once(server: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    answer.truncate(length);
    String::from_utf8(answer).unwrap()
}

/// Answers per second.
async fn round(server: SocketAddr, request: &Bytes, answer_bytes: usize) -> f64 {
    let start = Instant::now();
    let callers: JoinSet<u32> =
        (0..CONNECTIONS).map(|_| call(server, request.clone(), answer_bytes, start + ROUND)).collect();
    let answers: u32 = callers.join_all().await.into_iter().sum();
    f64::from(answers) / start.elapsed().as_secs_f64()
}

/// What one connection is answered until `end`. Every answer is as long as the first one was.
async fn call(server: SocketAddr, request: Bytes, answer_bytes: usize, end: Instant) -> u32 {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; answer_bytes];
    let mut answers = 0;
    while Instant::now() < end {
        stream.write_all(&request).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
        answers += 1;
    }
    answers
}
