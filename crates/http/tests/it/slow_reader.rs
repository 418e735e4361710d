use std::time::{Duration, Instant};

use terra_auth_http::ServerLimits;
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::support::{HASTY, LARGE, Listening, answer, ask, soon};

/// Reads to the end, and says how many bytes came.
async fn read_all(stream: &mut TcpStream) -> usize {
    let mut bytes = Vec::new();
    drop(soon(stream.read_to_end(&mut bytes)).await); // a reset is an end too
    bytes.len()
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/large").await;
    sleep(HASTY.write_timeout * 3).await;
    let read = read_all(&mut stream).await;
    assert!(read < LARGE, "{read} bytes came");
}

#[tokio::test]
async fn an_answer_that_is_read_drop_by_drop_is_given_up() {
    let limits = ServerLimits { write_timeout: Duration::from_millis(200), ..HASTY };
    let listening = Listening::plain(limits).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/large").await;
    let began = Instant::now();
    let mut few = [0; 64];
    let drops = async {
        while stream.read(&mut few).await.is_ok_and(|read| read > 0) && began.elapsed() < Duration::from_secs(2) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(3), drops).await.unwrap();
    let read = read_all(&mut stream).await;
    assert!(read < LARGE, "{read} bytes came");
}

#[tokio::test]
async fn a_slow_answer_that_moves_arrives_to_its_end() {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/large").await;
    let mut read = 0;
    let mut part = vec![0; 1 << 20];
    while read < LARGE {
        sleep(Duration::from_millis(20)).await;
        let bytes = soon(stream.read(&mut part)).await.unwrap();
        assert!(bytes > 0, "ended after {read} bytes");
        read += bytes;
    }
}

#[tokio::test]
async fn clients_that_do_not_read_do_not_block_others() {
    let limits = ServerLimits { connections: 64, write_timeout: Duration::from_mins(1), ..ServerLimits::default() };
    let listening = Listening::plain(limits).await;
    let mut unread = Vec::new();
    for _ in 0..200 {
        let mut stream = listening.connect().await;
        ask(&mut stream, "/large").await;
        unread.push(stream);
    }
    for _ in 0..5 {
        let began = Instant::now();
        let mut stream = listening.connect().await;
        ask(&mut stream, "/").await;
        assert!(answer(&mut stream).await.ends_with("127.0.0.1"));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
