use std::time::{Duration, Instant};

use terra_auth_listen::Limits;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::support::{HASTY, Listening, answer, ask, closed};

#[tokio::test]
async fn half_a_request_is_not_waited_for() {
    let listening = Listening::plain(HASTY).await;
    for half in ["", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /hea"] {
        let mut stream = listening.connect().await;
        stream.write_all(half.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn who_is_fast_is_not_hurt_by_who_is_slow() {
    let listening = Listening::plain(HASTY).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = listening.connect().await;
        stream.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    let mut stream = listening.connect().await;
    ask(&mut stream, "/").await;
    assert!(answer(&mut stream).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let listening = Listening::plain(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = listening.connect().await;
    ask(&mut first, "/").await;
    answer(&mut first).await;
    let mut second = listening.connect().await;
    ask(&mut second, "/").await;
    assert!(timeout(Duration::from_millis(200), answer(&mut second)).await.is_err());
    drop(first);
    assert!(answer(&mut second).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn an_idle_connection_is_not_kept() {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/").await;
    answer(&mut stream).await;
    let idle = Instant::now();
    closed(&mut stream).await;
    assert!(idle.elapsed() > HASTY.header_timeout / 2, "{:?}", idle.elapsed());
}
