use std::collections::HashMap;

use terra_auth_http::ServerLimits;
use tokio::net::TcpStream;

use crate::support::{HASTY, Listening, answer, ask, closed, soon, two_threads};

#[tokio::test]
async fn connections_are_shared_out_and_stay_on_their_thread() {
    let listening = Listening::on(two_threads(), ServerLimits::default()).await;
    let mut connections = Vec::new();
    for _ in 0..6 {
        connections.push(connect(&listening).await);
    }
    let mut shares = HashMap::<_, Vec<_>>::new();
    for (mut connection, thread) in connections {
        assert_eq!(thread_of(&mut connection).await, thread);
        shares.entry(thread).or_default().push(connection);
    }
    let sizes: Vec<_> = shares.values().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3]);
}

#[tokio::test]
async fn new_connections_go_to_the_thread_with_the_fewest() {
    let listening = Listening::on(two_threads(), ServerLimits::default()).await;
    let (_first, second) = (connect(&listening).await, connect(&listening).await);
    let (_third, fourth) = (connect(&listening).await, connect(&listening).await);
    let left = second.1;
    drop((second.0, fourth.0));
    // It is known a moment later; until then the threads take turns.
    soon(async {
        loop {
            let next = (connect(&listening).await, connect(&listening).await);
            if next.0.1 == left && next.1.1 == left {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_at_the_end_is_answered() {
    let listening = Listening::on(two_threads(), ServerLimits::default()).await;
    let (began, may_end) = (listening.slow_began.clone(), listening.slow_may_end.clone());
    let mut connection = listening.connect().await;
    ask(&mut connection, "/slow").await;
    soon(began.notified()).await;
    let ended = listening.end();
    may_end.notify_one();
    assert!(answer(&mut connection).await.ends_with("at last"));
    closed(&mut connection).await;
    soon(ended).await.unwrap();
}

#[tokio::test]
async fn the_threads_end_with_their_last_owner() {
    let workers = two_threads();
    let listening = Listening::on(workers.clone(), HASTY).await;
    let mut connection = listening.connect().await;
    ask(&mut connection, "/slow").await;
    soon(listening.end()).await.unwrap();
    drop(workers);
    closed(&mut connection).await;
}

/// A connection and its thread.
async fn connect(listening: &Listening) -> (TcpStream, String) {
    let mut connection = listening.connect().await;
    let thread = thread_of(&mut connection).await;
    (connection, thread)
}

async fn thread_of(connection: &mut TcpStream) -> String {
    ask(connection, "/thread").await;
    let answer = answer(connection).await;
    answer.rsplit("\r\n").next().unwrap().to_owned()
}
