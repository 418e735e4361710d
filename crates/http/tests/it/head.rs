use tokio::io::AsyncWriteExt as _;

use crate::support::{HASTY, Listening, answer};

async fn status_of(head: &str) -> String {
    let listening = Listening::plain(HASTY).await;
    let mut stream = listening.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream).await.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused() {
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
    ] {
        assert_eq!(status_of(head).await, status, "{head:?}");
    }
}

#[tokio::test]
async fn a_head_is_bounded() {
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: localhost\r\ncookie: {}\r\n\r\n", "x".repeat(bytes));
    assert_eq!(status_of(&head(28 << 10)).await, "HTTP/1.1 200 OK");
    assert_eq!(status_of(&head(100 << 10)).await, "HTTP/1.1 431 Request Header Fields Too Large");
}
