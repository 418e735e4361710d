use terra_auth_http::ServerLimits;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::support::{HASTY, Listening, PairFiles, answer, ask, closed, pair, shake_hands, soon};

#[tokio::test]
async fn a_request_in_flight_at_the_end_is_answered() {
    let listening = Listening::plain(ServerLimits::default()).await;
    let stream = listening.connect().await;
    is_answered_at_the_end(listening, stream).await;
}

#[tokio::test]
async fn a_request_in_flight_at_the_end_is_answered_over_tls() {
    let pair = pair();
    let listening = Listening::tls(ServerLimits::default(), &PairFiles::new(&pair)).await;
    let stream = shake_hands(listening.connect().await, &[&pair], &[]).await;
    is_answered_at_the_end(listening, stream).await;
}

async fn is_answered_at_the_end(listening: Listening, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (address, may_end) = (listening.address, listening.slow_may_end.clone());
    ask(&mut stream, "/slow").await;
    soon(listening.slow_began.notified()).await;
    let ended = listening.end();
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    assert!(!ended.is_finished());
    may_end.notify_one();
    let answer = answer(&mut stream).await;
    assert!(answer.contains("connection: close") && answer.ends_with("at last"), "{answer}");
    closed(&mut stream).await;
    soon(ended).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_shutdown() {
    let listening = Listening::plain(ServerLimits::default()).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/").await;
    answer(&mut stream).await;
    soon(listening.end()).await.unwrap();
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_request_without_an_end_is_not_waited_for() {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    ask(&mut stream, "/slow").await;
    soon(listening.slow_began.notified()).await;
    soon(listening.end()).await.unwrap();
}
