//! Nothing that was acknowledged is lost when the process is killed at any moment.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use async_trait::async_trait;
use tempfile::TempDir;
use terra_auth_model::{
    mobile_token::TokenId,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{Fixtures, StoreExt as _};
use terra_auth_types::UserId;

const CHILD: &str = "TERRA_AUTH_CRASH_TEST";
const ROUNDS: u32 = 8;
const CALLERS: u32 = 16;

/// Spends a token and opens the connection that it is good for.
struct Redeem(u32);

fn token_id(number: u32) -> TokenId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    TokenId(id)
}

fn user_id(number: u32) -> UserId {
    UserId(uuid::Uuid::from_u128(number.into()))
}

#[async_trait]
impl Unit for Redeem {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.consume_token(token_id(self.0), Fixtures::NOW).await?;
        let rows = Fixtures::default();
        let mut connection = rows.connection(&rows.developer("acme"));
        connection.user_id = user_id(self.0);
        tx.add_connection(&connection).await
    }
}

/// Redeems from `first` on, says each number once it is durable, and never ends.
#[tokio::main]
async fn redeem_for_ever(path: &Path, first: u32) {
    let store = Store::new(Sqlite::open(path).unwrap());
    store.add_developer(&Fixtures::default().developer("acme")).await.unwrap();
    let callers = (0..CALLERS).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut out = std::io::stdout();
            for number in (first + caller..).step_by(CALLERS as usize) {
                store.run(Redeem(number)).await.unwrap();
                writeln!(out, "acknowledged {number}").unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// Kills a child after a while; answers what it had acknowledged.
fn acknowledged(path: &Path, first: u32, life: Duration) -> BTreeSet<u32> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "nothing_acknowledged_is_lost_by_kill_9", "--nocapture"])
        .env(CHILD, format!("{first} {}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(life);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let numbers = lines.filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse().ok()).collect();
    killer.join().unwrap();
    numbers
}

/// Checks what was acknowledged, and that what was not is there wholly or not at all.
#[tokio::main]
async fn check(path: &Path, acknowledged: &BTreeSet<u32>, first: u32) {
    let store = Store::new(Sqlite::open(path).unwrap());
    let dev_id = Fixtures::dev_id("acme");
    let end = acknowledged.last().map_or(first, |last| *last) + CALLERS;
    for number in first..=end {
        let connected = store.connection(&dev_id, &user_id(number)).await.unwrap().is_some();
        assert!(connected || !acknowledged.contains(&number), "{number} was lost");
        let unspent = store.spend_token(&token_id(number), &Fixtures::NOW).await.unwrap();
        assert_eq!(connected, !unspent, "{number} was cut");
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Ok(order) = env::var(CHILD) {
        let (first, path) = order.split_once(' ').unwrap();
        return redeem_for_ever(Path::new(path), first.parse().unwrap());
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let mut count = 0;
    for round in 0..ROUNDS {
        let first = round * 1_000_000;
        let numbers = acknowledged(&path, first, Duration::from_millis((120 + 37 * round).into()));
        check(&path, &numbers, first);
        count += numbers.len();
    }
    assert!(count > 100, "only {count} were acknowledged");
}
