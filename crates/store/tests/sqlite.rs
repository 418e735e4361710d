//! What is special about a store in a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use tempfile::TempDir;
use terra_auth_model::{
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_store::{MigrateError, Sqlite, SqliteError};
use terra_auth_testkit::{Fixtures, StoreExt as _};

fn refused(path: &Path) -> SqliteError {
    Sqlite::open(path).err().unwrap()
}

/// A migrated file that nobody has open, changed by a script.
fn changed(script: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    drop(Sqlite::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    folder
}

#[test]
fn a_file_is_open_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let first = Sqlite::open(&path).unwrap();
    let error = refused(&path);
    assert_eq!(error.to_string(), format!("another terra-auth uses this store: {}", path.display()));
    drop(first);
    Sqlite::open(&path).unwrap();
}

#[test]
fn a_file_is_shared_only_with_those_who_share_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let shared = [Sqlite::open_shared(&path).unwrap(), Sqlite::open_shared(&path).unwrap()];
    assert!(matches!(refused(&path), SqliteError::InUse(_)));
    drop(shared);
    let _alone = Sqlite::open(&path).unwrap();
    assert!(matches!(Sqlite::open_shared(&path), Err(SqliteError::InUse(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_share_a_file_write_at_the_same_time() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let stores = [(); 2].map(|()| Store::new(Sqlite::open_shared(&path).unwrap()));
    let rows = Fixtures::default();
    let tokens: Vec<_> = (0..400).map(|_| rows.token_id()).collect();
    let spend = |n: usize| {
        let (store, token_id) = (stores[n % 2].clone(), tokens[n / 2]);
        tokio::spawn(async move { store.spend_token(&token_id, &Fixtures::NOW).await.unwrap() })
    };
    let mut done = 0;
    for task in (0..800).map(spend).collect::<Vec<_>>() {
        done += usize::from(task.await.unwrap());
    }
    assert_eq!(done, tokens.len(), "each token is spent once, whoever was first");
}

#[test]
fn many_may_open_a_new_file_at_once() {
    for _ in 0..10 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.db");
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| Sqlite::open_shared(&path))).collect();
            for store in opened {
                store.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = changed("INSERT INTO schema_migrations VALUES (1000, 'later')");
    let error = refused(&folder.path().join("store.db"));
    let SqliteError::Migrate(MigrateError::Newer { found, known }) = error else { panic!("{error}") };
    assert_eq!(found, known + 1);
}

#[test]
fn a_changed_migration_is_refused() {
    let folder = changed("UPDATE schema_migrations SET checksum = 'other'");
    let error = refused(&folder.path().join("store.db"));
    assert!(matches!(error, SqliteError::Migrate(MigrateError::Changed(1))), "{error}");
}

#[test]
fn a_missing_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("nowhere/store.db");
    assert_eq!(refused(&path).to_string(), format!("could not open {}", path.display()));
}

#[test]
fn a_file_that_is_no_database_is_rejected_and_not_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let text = "not a database, but somebody's letter".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(refused(&path), SqliteError::Database(_)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let _store = Sqlite::open(folder.path().join("store.db")).unwrap();
    let files: Vec<_> = folder.path().read_dir().unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_dropped_store_finishes_its_accepted_writes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let (rows, developer) = (Fixtures::default(), Fixtures::default().developer("acme"));
    let store = Store::new(Sqlite::open(&path).unwrap());
    store.add_developer(&developer).await.unwrap();
    for _ in 0..100 {
        let connection = rows.connection(&developer);
        drop(tokio::time::timeout(Duration::ZERO, store.add_connection(&connection)).await);
    }
    drop(store);
    assert!(!path.with_extension("db-wal").exists(), "everything is in one file");
    let store = Store::new(Sqlite::open(&path).unwrap());
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 100);
}

struct Sleeps;

#[async_trait]
impl Unit for Sleeps {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.add_developer(&Fixtures::default().developer("acme")).await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_unit_that_awaits_anything_but_the_store_fails() {
    let store = Store::new(Sqlite::in_memory().unwrap());
    let error = store.run(Sleeps).await.unwrap_err();
    assert!(matches!(error, StoreError::Engine(_)), "{error}");
    assert_eq!(store.developers().await.unwrap(), []);
}
