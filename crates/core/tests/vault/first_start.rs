//! The keys that a store gets at its first start, and the master keys that it accepts.

use std::path::Path;

use tempfile::TempDir;
use terra_auth_model::{
    keys::{KeyRing, OpenVaultError, Purpose, SealContext, UnwrapError},
    store::Store,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::StoreExt as _;

use crate::world::{TOKEN, assert_all_decrypt, fill, in_memory, master, postgres, start};

#[tokio::test]
async fn a_new_store_gets_its_own_keys() {
    let (one, other) = (in_memory(), in_memory());
    let [one, other] = [start(&one, &[1]).await.unwrap(), start(&other, &[1]).await.unwrap()];
    let place = SealContext { dev_id: "acme", row: "1", column: "grant" };
    let sealed = one.keys().seal(one.entropy().as_ref(), place, b"value");
    assert!(one.keys().open(place, &sealed).is_ok());
    for foreign in [other.keys(), &KeyRing::new(&master(1))] {
        assert!(foreign.open(place, &sealed).is_err());
    }
    let keys = one.data_keys().await.unwrap();
    let found: Vec<_> = keys.iter().map(|key| (key.purpose, key.number, key.wrapped_by)).collect();
    assert_eq!(found, [(Purpose::MacKey, 1, master(1).id()), (Purpose::Vault, 1, master(1).id())]);
}

#[tokio::test]
async fn values_sealed_before_data_keys_survive_a_new_master_key() {
    let store = in_memory();
    let before = terra_auth_testkit::auth(store.clone()); // with keys that are derived from master key 7
    let (dev_id, _) = fill(&before, 3).await;
    let developer = before.directory().developer(&dev_id).unwrap();
    let token = before.generate_auth_token(&developer, None).token;

    start(&store, &[7]).await.unwrap();
    let rewrapping = start(&store, &[8, 7]).await.unwrap();
    assert_eq!(rewrapping.rewrap_data_keys(&crate::world::admin()).await.unwrap(), 2);
    let after = start(&store, &[8]).await.unwrap();
    assert_eq!(assert_all_decrypt(&after).await, (10, 0));
    assert!(after.verify_audit().await.unwrap().intact);
    assert_eq!(after.signing_secret(&developer).unwrap().expose(), before.signing_secret(&developer).unwrap().expose());
    let same = after.generate_auth_token(&developer, None).token;
    assert_eq!(token.expose().len(), same.expose().len());
    assert!(matches!(start(&store, &[7]).await, Err(OpenVaultError::Unwrap(UnwrapError::WrongMasterKey { .. }))));
}

#[tokio::test]
async fn a_store_from_before_data_keys_accepts_only_its_own_master_key() {
    let store = in_memory();
    fill(&terra_auth_testkit::auth(store.clone()), 1).await;
    assert!(matches!(start(&store, &[8]).await, Err(OpenVaultError::ForeignStore)));
    assert_eq!(store.data_keys().await.unwrap(), []);
    assert_all_decrypt(&start(&store, &[8, 7]).await.unwrap()).await;
}

fn open(path: &Path) -> Store {
    Store::new(Sqlite::open(path).unwrap())
}

#[tokio::test]
async fn a_wrong_master_key_changes_no_byte_of_the_store() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    fill(&start(&open(&path), &[1]).await.unwrap(), 5).await;
    let before = std::fs::read(&path).unwrap();

    let error = start(&open(&path), &[2, 3]).await.err().unwrap();
    let expected = format!(
        "wrong master key for this store: expected id {}, got {}, {}",
        master(1).id(),
        master(2).id(),
        master(3).id()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_all_decrypt(&start(&open(&path), &[1]).await.unwrap()).await;
}

#[tokio::test]
async fn no_file_of_a_store_has_a_token_in_it() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("store.db"));
    let (_, connections) = fill(&start(&store, &[1]).await.unwrap(), 50).await;
    let account = connections[0].account.clone();
    let has = |text: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.filter(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes())).count()
    };
    assert!(has(&account) > 0, "a value that is not secret is found, so a secret would be found too");
    assert_eq!(has(TOKEN), 0);
    drop(store);
    assert_eq!(has(TOKEN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_on_an_empty_database_have_the_same_keys() {
    let (store, _database) = postgres().await;
    let starting: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { start(&store, &[1]).await.unwrap() })
        })
        .collect();
    let place = SealContext { dev_id: "acme", row: "1", column: "grant" };
    let mut sealed = None;
    for node in starting {
        let node = node.await.unwrap();
        let sealed = sealed.get_or_insert_with(|| node.keys().seal(node.entropy().as_ref(), place, b"value"));
        assert!(node.keys().open(place, sealed).is_ok());
    }
    assert_eq!(store.data_keys().await.unwrap().len(), 2);
}
