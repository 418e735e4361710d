use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::TestApp;

#[tokio::test]
async fn a_refused_call_leaves_its_connection_to_the_next_one() {
    let app = TestApp::serve().await;
    let mut stream = TcpStream::connect(("127.0.0.1", app.auth.widget_url().port().unwrap())).await.unwrap();
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
