use terra_auth_http::{CertificateError, ServerLimits};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::{HASTY, Listening, Pair, PairFiles, answer, ask, closed, pair, shake_hands, shown, soon};

async fn connect(listening: &Listening, trusted: &[&Pair]) -> TlsStream<TcpStream> {
    soon(shake_hands(listening.connect().await, trusted, &["h2", "http/1.1"])).await
}

async fn is_answered(stream: &mut TlsStream<TcpStream>) {
    ask(stream, "/").await;
    let answer = answer(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn a_request_over_tls_is_answered() {
    let pair = pair();
    let listening = Listening::tls(HASTY, &PairFiles::new(&pair)).await;
    let mut stream = connect(&listening, &[&pair]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    is_answered(&mut stream).await;
}

#[tokio::test]
async fn a_reload_affects_new_connections_and_not_open_ones() {
    let (old, new) = (pair(), pair());
    let files = PairFiles::new(&old);
    let listening = Listening::tls(ServerLimits::default(), &files).await;
    let mut before = connect(&listening, &[&old, &new]).await;
    is_answered(&mut before).await;

    files.write(&new);
    listening.certificates.as_ref().unwrap().reload().unwrap();
    let mut after = connect(&listening, &[&old, &new]).await;

    assert_eq!((&shown(&before), &shown(&after)), (old.cert.der(), new.cert.der()));
    is_answered(&mut after).await;
    is_answered(&mut before).await;
}

#[tokio::test]
async fn a_failed_reload_keeps_the_old_pair() {
    let (old, new) = (pair(), pair());
    let files = PairFiles::new(&old);
    let listening = Listening::tls(HASTY, &files).await;

    std::fs::write(&files.certificate, new.cert.pem()).unwrap(); // its key is still on the way
    let refused = listening.certificates.as_ref().unwrap().reload();

    assert!(matches!(refused, Err(CertificateError::WrongKey { .. })), "{refused:?}");
    is_answered(&mut connect(&listening, &[&old]).await).await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_cut() {
    let pair = pair();
    let listening = Listening::tls(HASTY, &PairFiles::new(&pair)).await;
    closed(&mut listening.connect().await).await;
    closed(&mut connect(&listening, &[&pair]).await).await;
}

#[tokio::test]
async fn plain_http_is_closed_without_affecting_others() {
    let pair = pair();
    let listening = Listening::tls(ServerLimits::default(), &PairFiles::new(&pair)).await;
    let mut plain = listening.connect().await;
    ask(&mut plain, "/").await;
    closed(&mut plain).await;
    is_answered(&mut connect(&listening, &[&pair]).await).await;
}

#[tokio::test]
async fn unfinished_tls_handshakes_do_not_block_others() {
    let pair = pair();
    let listening = Listening::tls(ServerLimits::default(), &PairFiles::new(&pair)).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(listening.connect().await);
    }
    is_answered(&mut connect(&listening, &[&pair]).await).await;
}

#[tokio::test]
async fn a_client_without_a_tls_handshake_is_closed_for_another() {
    let pair = pair();
    let listening =
        Listening::tls(ServerLimits { connections: 1, ..ServerLimits::default() }, &PairFiles::new(&pair)).await;
    let mut silent = listening.connect().await;
    is_answered(&mut connect(&listening, &[&pair]).await).await;
    closed(&mut silent).await;
}
