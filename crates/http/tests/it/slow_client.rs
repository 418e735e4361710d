use std::time::{Duration, Instant};

use terra_auth_http::ServerLimits;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::support::{HASTY, Listening, answer, ask, closed, soon};

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
async fn slow_peers_do_not_delay_fast_ones() {
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
async fn a_full_listener_closes_the_connection_that_has_waited_longest() {
    let listening = Listening::plain(ServerLimits { connections: 2, ..ServerLimits::default() }).await;
    let mut working = listening.connect().await;
    ask(&mut working, "/slow").await;
    soon(listening.slow_began.notified()).await;
    let mut idle = listening.connect().await;
    ask(&mut idle, "/").await;
    answer(&mut idle).await;

    let mut third = listening.connect().await;
    ask(&mut third, "/").await;
    assert!(answer(&mut third).await.ends_with("127.0.0.1"));
    closed(&mut idle).await;
    listening.slow_may_end.notify_one();
    assert!(answer(&mut working).await.ends_with("at last"));
}

#[tokio::test]
async fn a_request_that_is_handled_is_never_closed_to_make_room() {
    let listening = Listening::plain(ServerLimits { connections: 1, ..ServerLimits::default() }).await;
    let mut first = listening.connect().await;
    ask(&mut first, "/slow").await;
    soon(listening.slow_began.notified()).await;
    let mut second = listening.connect().await;
    ask(&mut second, "/").await;
    assert!(timeout(Duration::from_millis(300), answer(&mut second)).await.is_err());
    listening.slow_may_end.notify_one();
    assert!(answer(&mut first).await.ends_with("at last"));
    assert!(answer(&mut second).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/").await;
    answer(&mut stream).await;
    let idle = Instant::now();
    closed(&mut stream).await;
    assert!(idle.elapsed() > HASTY.header_timeout / 2, "{:?}", idle.elapsed());
}

#[tokio::test]
async fn an_idle_connection_stays_open_longer_than_one_with_a_slow_head() {
    let listening = Listening::plain(ServerLimits { idle_timeout: Duration::from_mins(1), ..HASTY }).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/").await;
    answer(&mut stream).await;
    tokio::time::sleep(HASTY.header_timeout * 3).await;
    ask(&mut stream, "/").await;
    assert!(answer(&mut stream).await.ends_with("127.0.0.1"));

    for head in ["", "GET / HTTP/1.1\r\nHost:"] {
        let mut slow = listening.connect().await;
        slow.write_all(head.as_bytes()).await.unwrap();
        closed(&mut slow).await;
    }
    stream.write_all(b"GET / HT").await.unwrap();
    closed(&mut stream).await;
}

#[tokio::test]
async fn idle_connections_are_closed_early_at_half_of_the_limit() {
    let limits = ServerLimits { idle_timeout: Duration::from_mins(1), connections: 4, ..HASTY };
    let listening = Listening::plain(limits).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = listening.connect().await;
        ask(&mut stream, "/").await;
        answer(&mut stream).await;
        idle.push(stream);
    }
    closed(&mut idle[3]).await;
}
