use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use crate::support::TestApp;

/// A server that waits 300 ms where the real one waits 10 s.
async fn hasty() -> (TestApp, std::net::SocketAddr) {
    let app = TestApp::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = terra_auth_listen::Limits { header_timeout: Duration::from_millis(300), ..Default::default() };
    let router = terra_auth_server::router(app.auth.clone());
    tokio::spawn(terra_auth_listen::serve(listener, router, limits, std::future::pending()));
    (app, address)
}

#[tokio::test]
async fn half_a_request_is_not_waited_for() {
    let (_app, address) = hasty().await;
    for half in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let began = Instant::now();
        let mut answer = Vec::new();
        let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "still open after {:?}: {half:?}", began.elapsed());
    }
}

#[tokio::test]
async fn who_is_fast_is_not_hurt_by_who_is_slow() {
    let (_app, address) = hasty().await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST /v2/auth/tokens HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_refused_call_leaves_its_connection_to_the_next_one() {
    let (_app, address) = hasty().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        let head =
            "POST /v2/bulkUserInfo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await; // the body comes after the server could have refused
        stream.write_all(b"[]").await.unwrap();
        let mut answer = vec![0; 4096];
        let length = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection: close"), "{answer}");
    }
    let head = "POST /v2/bulkUserInfo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("connection: close"), "the rest of a large body is not waited for: {answer}");
}
