//! A store that is gone, emptied, broken or cut is refused, and an open one acknowledges nothing that the next start
//! would not find.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use terra_auth_model::store::Store;
use terra_auth_store::{Accepted, Sqlite, SqliteError};
use terra_auth_testkit::{Fixtures, StoreExt as _};

/// A folder with a store in it.
struct Folder(TempDir);

const WAL_HEADER: u64 = 32;
const FRAME: u64 = 24 + 4096;

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A store that was closed in order.
    async fn closed() -> Self {
        let folder = Self::new();
        fill(&folder.open(), 1).await;
        folder
    }

    /// What a process leaves that is killed after `commits` transactions.
    async fn killed(commits: usize) -> Self {
        let (folder, source) = (Self::new(), Self::new());
        let store = source.open();
        fill(&store, commits).await;
        for ending in ["", "-wal", "-shm", ".lock"] {
            fs::copy(source.file(ending), folder.file(ending)).unwrap();
        }
        folder
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.0.path().join(format!("store.db{ending}"))
    }

    fn open(&self) -> Store {
        Store::new(Sqlite::open(self.file("")).unwrap())
    }

    fn refusal(&self) -> SqliteError {
        Sqlite::open(self.file("")).err().unwrap()
    }

    async fn spent(&self) -> usize {
        let store = self.open();
        let mut spent = 0;
        for token_id in tokens(64) {
            spent += usize::from(!store.spend_token(&token_id, &Fixtures::NOW).await.unwrap());
        }
        spent
    }
}

fn tokens(count: usize) -> Vec<terra_auth_model::mobile_token::TokenId> {
    let rows = Fixtures::default();
    (0..count).map(|_| rows.token_id()).collect()
}

/// As many transactions, one after the other.
async fn fill(store: &Store, commits: usize) {
    for token_id in tokens(commits) {
        assert!(store.spend_token(&token_id, &Fixtures::NOW).await.unwrap());
    }
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn frames(path: &Path) -> u64 {
    (fs::metadata(path).unwrap().len() - WAL_HEADER) / FRAME
}

#[tokio::test]
async fn a_missing_store_is_not_created_again_unless_requested() {
    let (deleted, emptied) = (Folder::closed().await, Folder::closed().await);
    fs::remove_file(deleted.file("")).unwrap();
    fs::write(emptied.file(""), "").unwrap();
    for folder in [deleted, emptied] {
        assert!(matches!(folder.refusal(), SqliteError::Gone(_)), "{}", folder.refusal());
        let told = Accepted { new_store: true, ..Accepted::default() };
        drop(Sqlite::open_accepting(folder.file(""), told).unwrap());
        assert_eq!(folder.spent().await, 0);
    }
}

#[tokio::test]
async fn a_write_ahead_log_without_its_database_is_not_deleted() {
    let folder = Folder::killed(3).await;
    fs::remove_file(folder.file("")).unwrap();
    fs::remove_file(folder.file(".lock")).unwrap();
    let log = fs::read(folder.file("-wal")).unwrap();
    assert!(matches!(folder.refusal(), SqliteError::Gone(_)));
    assert_eq!(fs::read(folder.file("-wal")).unwrap(), log);
}

#[tokio::test]
async fn broken_pages_are_found_at_the_start() {
    let folder = Folder::closed().await;
    let pages = fs::metadata(folder.file("")).unwrap().len() / 4096;
    for page in 1..pages {
        for at in 0..64 {
            flip(&folder.file(""), page * 4096 + at);
        }
    }
    let error = folder.refusal();
    assert!(matches!(error, SqliteError::Damaged(..)), "{error}");
}

#[tokio::test]
async fn an_unclean_end_loses_nothing() {
    assert_eq!(Folder::killed(40).await.spent().await, 40);
}

#[tokio::test]
async fn every_changed_byte_in_the_log_is_detected() {
    let count = frames(&Folder::killed(20).await.file("-wal"));
    for frame in [0, count / 2, count - 3, count - 1] {
        for within in [9, 17, 24 + 100] {
            let folder = Folder::killed(20).await;
            flip(&folder.file("-wal"), WAL_HEADER + frame * FRAME + within);
            assert!(matches!(folder.refusal(), SqliteError::LostChanges(_)), "frame {frame} of {count}, byte {within}");
        }
    }
}

#[tokio::test]
async fn every_changed_byte_in_the_log_is_detected_without_its_index() {
    let folder = Folder::killed(20).await;
    fs::remove_file(folder.file("-shm")).unwrap();
    flip(&folder.file("-wal"), WAL_HEADER + frames(&folder.file("-wal")) / 2 * FRAME + 200);
    assert!(matches!(folder.refusal(), SqliteError::LostChanges(_)));
    let told = Accepted { lost_changes: true, ..Accepted::default() };
    drop(Sqlite::open_accepting(folder.file(""), told).unwrap());
    assert!(folder.spent().await < 20);
}

#[tokio::test]
async fn a_log_that_was_shortened_or_removed_is_noticed() {
    let (short, emptied, removed) = (Folder::killed(20).await, Folder::killed(20).await, Folder::killed(20).await);
    let log = OpenOptions::new().write(true).open(short.file("-wal")).unwrap();
    log.set_len(WAL_HEADER + (frames(&short.file("-wal")) - 4) * FRAME).unwrap();
    fs::write(emptied.file("-wal"), "").unwrap();
    fs::remove_file(removed.file("-wal")).unwrap();
    for folder in [short, emptied, removed] {
        assert!(matches!(folder.refusal(), SqliteError::LostChanges(_)));
    }
}

#[tokio::test]
async fn a_transaction_that_was_cut_by_the_crash_is_dropped_without_a_word() {
    let folder = Folder::killed(20).await;
    let log = OpenOptions::new().append(true).open(folder.file("-wal")).unwrap();
    let mut frame = fs::read(folder.file("-wal")).unwrap()[32..][..24 + 4096].to_vec();
    frame[4..8].copy_from_slice(&9_u32.to_be_bytes());
    std::io::Write::write_all(&mut &log, &frame).unwrap();
    assert_eq!(folder.spent().await, 20);
}

/// Changes the files of an open store; answers whether a write was acknowledged before and after.
async fn acknowledged_around(share: bool, change: impl FnOnce(&Folder)) -> (bool, bool) {
    let folder = Folder::new();
    let open = if share { Sqlite::open_shared(folder.file("")) } else { Sqlite::open(folder.file("")) };
    let store = Store::new(open.unwrap());
    let [first, second] = tokens(2)[..] else { unreachable!() };
    let before = store.spend_token(&first, &Fixtures::NOW).await.is_ok() && store.health().await.is_ok();
    change(&folder);
    let after = store.spend_token(&second, &Fixtures::NOW).await.is_ok() || store.health().await.is_ok();
    (before, after)
}

#[tokio::test]
async fn no_write_is_acknowledged_after_the_file_was_deleted() {
    type Change = fn(&Folder);
    let changes: [(&str, Change); 7] = [
        ("deleted", |folder| fs::remove_file(folder.file("")).unwrap()),
        ("emptied", |folder| drop(fs::File::create(folder.file("")).unwrap())),
        ("moved", |folder| fs::rename(folder.file(""), folder.file(".old")).unwrap()),
        ("replaced", |folder| {
            fs::copy(folder.file(""), folder.file(".copy")).unwrap();
            fs::rename(folder.file(".copy"), folder.file("")).unwrap();
        }),
        ("log deleted", |folder| fs::remove_file(folder.file("-wal")).unwrap()),
        ("index deleted", |folder| fs::remove_file(folder.file("-shm")).unwrap()),
        ("all gone", |folder| fs::remove_dir_all(folder.0.path()).unwrap()),
    ];
    for (name, change) in changes {
        for share in [false, true] {
            assert_eq!(acknowledged_around(share, change).await, (true, false), "{name}, shared: {share}");
        }
    }
}

#[tokio::test]
async fn a_log_that_is_emptied_under_the_store_is_noticed() {
    let empty = |folder: &Folder| drop(fs::File::create(folder.file("-wal")).unwrap());
    assert_eq!(acknowledged_around(false, empty).await, (true, false));
}

#[tokio::test]
async fn a_restored_file_is_used_again() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store, 1).await;
    fs::rename(folder.file(""), folder.file(".away")).unwrap();
    let refused = store.health().await.unwrap_err();
    let reason = std::error::Error::source(&refused).unwrap().to_string();
    assert!(reason.contains("the store's file was deleted or moved"), "{reason}");
    fs::rename(folder.file(".away"), folder.file("")).unwrap();
    store.health().await.unwrap();
    drop(store);
    assert_eq!(folder.spent().await, 1);
}

#[tokio::test]
async fn a_removed_lock_file_lets_no_second_process_in() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store, 1).await;
    fs::remove_file(folder.file(".lock")).unwrap();
    assert!(matches!(folder.refusal(), SqliteError::InUse(_)));
    assert!(matches!(Sqlite::open_shared(folder.file("")).err().unwrap(), SqliteError::InUse(_)));
}

#[tokio::test]
async fn a_store_that_was_not_written_for_a_while_is_probed() {
    let folder = Folder::new();
    let store = folder.open();
    fill(&store, 1).await;
    let version = || {
        let connection = rusqlite::Connection::open(folder.file("")).unwrap();
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let (before, began) = (version(), Instant::now());
    while version() == before {
        store.health().await.unwrap();
        assert!(began.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
