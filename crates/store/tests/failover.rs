//! Servers that are mute, read-only, killed, frozen or full of connections: what a store does about it, and how fast.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    receipt::Receipt,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_store::{Postgres, PostgresError};
use terra_auth_testkit::{Fixtures, Pair, StoreExt as _};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// From the promotion to the first acknowledged write.
const FIRST_WRITE: Duration = Duration::from_secs(5);

async fn open(url: &str) -> Result<Store, PostgresError> {
    Postgres::connect(&url.into()).await.map(Store::new)
}

/// A server that accepts connections and says nothing.
async fn mute() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that swallows SYNs: its backlog is full.
async fn deaf() -> (TcpListener, Vec<JoinHandle<std::io::Result<TcpStream>>>, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let callers = (0..8).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    sleep(Duration::from_millis(300)).await;
    (listener, callers, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_server_that_is_mute_deaf_or_read_only_is_left_for_the_next() {
    let pair = Pair::start();
    let (_mute, mute) = mute().await;
    let (_deaf, _callers, deaf) = deaf().await;
    let [primary, _] = pair.ports();
    for (first, url) in [
        ("mute", format!("postgres://postgres@{mute},127.0.0.1:{primary}/postgres")),
        ("deaf", format!("postgres://postgres@{deaf},127.0.0.1:{primary}/postgres")),
        ("read-only", pair.url_standby_first()),
    ] {
        let start = Instant::now();
        let store = open(&url).await.unwrap_or_else(|error| panic!("{first}: {error:?}"));
        println!("a first server that is {first}: opened after {:.1} s", start.elapsed().as_secs_f32());
        store.developers().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_a_clear_error() {
    let (_mute, mute) = mute().await;
    let start = Instant::now();
    let error = open(&format!("postgres://postgres@127.0.0.1:1,{mute}/postgres")).await.err().unwrap();
    assert!(matches!(error, PostgresError::Connect(StoreError::Unreachable(_))), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Clients that write until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Told>>,
}

/// What the clients know.
#[derive(Default)]
struct Told {
    acknowledged: Vec<(Instant, Connection)>,
    unknown: usize,
    refused: usize,
}

impl Load {
    async fn start(store: &Store) -> Self {
        let rows = Arc::new(Fixtures::default());
        let developer = rows.developer("acme");
        store.add_developer(&developer).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (store, rows, developer, stop) =
                (store.clone(), Arc::clone(&rows), developer.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut told = Told::default();
                while !stop.load(SeqCst) {
                    let connection = rows.connection(&developer);
                    match store.add_connection(&connection).await {
                        Ok(()) => told.acknowledged.push((Instant::now(), connection)),
                        Err(StoreError::UnknownOutcome(_)) => told.unknown += 1,
                        Err(error) => {
                            assert!(error.is_transient(), "{error:?}");
                            told.refused += 1;
                            sleep(Duration::from_millis(100)).await;
                        }
                    }
                }
                told
            })
        };
        let clients = (0..8).map(client).collect();
        Self { stop, clients }
    }

    async fn end(self) -> Told {
        self.stop.store(true, SeqCst);
        let mut all = Told::default();
        for client in self.clients {
            let told = client.await.unwrap();
            all.acknowledged.extend(told.acknowledged);
            all.unknown += told.unknown;
            all.refused += told.refused;
        }
        all
    }
}

/// Breaks the primary under load, promotes the standby, and counts.
async fn assert_failover_loses_nothing(fault: fn(&Pair)) {
    let pair = Pair::start();
    let store = open(&pair.url()).await.unwrap();
    let load = Load::start(&store).await;
    sleep(Duration::from_secs(1)).await;
    fault(&pair);
    sleep(Duration::from_secs(3)).await; // as long as a cluster manager takes to decide
    pair.promote();
    let promoted = Instant::now();
    sleep(FIRST_WRITE).await;
    let told = load.end().await;
    let first = told.acknowledged.iter().map(|(at, _)| *at).filter(|at| *at > promoted).min();
    let first = first.expect("a write after the promotion") - promoted;
    println!(
        "{} acknowledged, {} of unknown outcome, {} refused, first write {:.2} s after the promotion",
        told.acknowledged.len(),
        told.unknown,
        told.refused,
        first.as_secs_f32()
    );
    assert!(first < FIRST_WRITE, "{first:?}");
    for (_, connection) in &told.acknowledged {
        let found = store.connection(&connection.dev_id, &connection.user_id).await.unwrap();
        assert!(found.is_some(), "an acknowledged connection is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_is_replaced_and_nothing_acknowledged_is_lost() {
    assert_failover_loses_nothing(Pair::kill_primary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_frozen_is_replaced_and_nothing_acknowledged_is_lost() {
    assert_failover_loses_nothing(Pair::freeze_primary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_delays_no_call_beyond_its_timeout() {
    let pair = Pair::start();
    let [primary, _] = pair.ports();
    let store = open(&format!("postgres://postgres@127.0.0.1:{primary}/postgres")).await.unwrap();
    store.developers().await.unwrap();
    pair.freeze_primary();
    let start = Instant::now();
    let reads = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.developers().await })
    });
    for read in reads.collect::<Vec<_>>() {
        let error = read.await.unwrap().unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
    println!("20 reads of a frozen server were refused after {:.1} s", start.elapsed().as_secs_f32());
    assert!(start.elapsed() < Duration::from_secs(15));
    pair.resume_primary();
    let resumed = Instant::now();
    while store.developers().await.is_err() {
        assert!(resumed.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_at_commit_is_an_unknown_outcome_and_the_job_is_not_run_again() {
    let pair = Pair::start();
    let (store, rows) = (open(&pair.url()).await.unwrap(), Fixtures::default());
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let connection = rows.connection(&developer);
    pair.freeze_standby(); // COMMIT is done at the primary, and waits
    let write = {
        let (store, connection) = (store.clone(), connection.clone());
        tokio::spawn(async move { store.add_connection(&connection).await })
    };
    cut_off_at_commit(&pair).await;
    let error = write.await.unwrap().unwrap_err();
    pair.resume_standby();
    assert!(matches!(error, StoreError::UnknownOutcome(_)) && !error.is_transient(), "{error:?}");
    let found = store.connection(&connection.dev_id, &connection.user_id).await.unwrap();
    assert!(found.is_some(), "this time it was made");
}

/// Ends the connection whose COMMIT waits for the standby.
async fn cut_off_at_commit(pair: &Pair) {
    let waiting = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let start = Instant::now();
    while pair.ask(0, waiting) == "0" {
        assert!(start.elapsed() < Duration::from_secs(10), "no COMMIT waits");
        sleep(Duration::from_millis(50)).await;
    }
}

struct Add(Connection);

#[async_trait]
impl Unit for Add {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.add_connection(&self.0).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_at_most_once_unit_finds_out_whether_it_was_committed() {
    let pair = Pair::start();
    let (store, rows) = (open(&pair.url()).await.unwrap(), Fixtures::default());
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let connection = rows.connection(&developer);
    pair.freeze_standby();
    let write = {
        let (store, unit) = (store.clone(), Add(connection.clone()));
        let receipt = Receipt { id: rows.uuid(), created_at: Fixtures::NOW };
        tokio::spawn(async move { store.run_once(receipt, unit).await })
    };
    cut_off_at_commit(&pair).await;
    write.await.unwrap().unwrap();
    pair.resume_standby();
    let found = store.connection(&connection.dev_id, &connection.user_id).await.unwrap();
    assert!(found.is_some(), "it happened");
}
