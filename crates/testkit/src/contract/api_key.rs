use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    api_key::ApiKeyRecord,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{KeyId, Scope};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

/// Covers keys with all optional fields, and with none. They are listed oldest first.
pub async fn api_keys_are_read_as_they_were_added(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let newer = ApiKeyRecord {
        created_at: Fixtures::at(1),
        expires_at: Some(Fixtures::at(2)),
        last_used_at: Some(Fixtures::at(3)),
        ..rows.api_key(&developer)
    };
    let older = ApiKeyRecord {
        hint: String::new(),
        scopes: [Scope::WebhooksWrite, Scope::AuthWrite].into_iter().collect(),
        ..rows.api_key(&developer)
    };
    store.add_api_key(&newer).await.unwrap();
    store.add_api_key(&older).await.unwrap();
    assert_eq!(store.api_keys().await.unwrap(), [older, newer]);
}

/// A key of an unknown developer is rejected.
pub async fn an_api_key_needs_a_developer(store: Store) {
    let rows = Fixtures::default();
    assert!(store.add_api_key(&rows.api_key(&rows.developer("unknown"))).await.is_err());
    assert_eq!(store.api_keys().await.unwrap(), []);
}

/// Neither the id nor the digest can be added twice.
pub async fn a_key_is_added_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let key = rows.api_key(&developer);
    store.add_api_key(&key).await.unwrap();
    let mut same_id = rows.api_key(&developer);
    same_id.key_id = key.key_id;
    let mut same_digest = key.clone();
    same_digest.key_id = KeyId(rows.user_id().0);
    assert!(store.add_api_key(&same_id).await.is_err());
    assert!(store.add_api_key(&same_digest).await.is_err());
    assert_eq!(store.api_keys().await.unwrap(), [key]);
}

/// They are listed oldest first, without those of other environments.
pub async fn the_keys_of_a_developer_are_told_apart_from_others(store: Store) {
    let (rows, acme, other) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    let second = ApiKeyRecord { created_at: Fixtures::at(1), ..rows.api_key(&acme) };
    let (first, of_other) = (rows.api_key(&acme), rows.api_key(&other));
    for key in [&second, &of_other, &first] {
        store.add_api_key(key).await.unwrap();
    }
    assert_eq!(store.api_keys_of(&acme.dev_id).await.unwrap(), [first, second]);
    assert_eq!(store.api_keys_of(&other.dev_id).await.unwrap(), [of_other]);
    assert_eq!(store.api_keys_of(&Fixtures::dev_id("unknown")).await.unwrap(), []);
}

/// A late rotation cannot extend the validity of a leaked key.
pub async fn the_end_of_a_key_only_comes_nearer(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (key, other) = (rows.api_key(&developer), rows.api_key(&developer));
    store.add_api_key(&key).await.unwrap();
    store.add_api_key(&other).await.unwrap();
    for (asked_ms, expected_ms) in [(50, 50), (60, 50), (50, 50), (-1, -1), (0, -1)] {
        assert!(store.end_api_key(&key.dev_id, &key.key_id, &Fixtures::at(asked_ms)).await.unwrap());
        let ended = ApiKeyRecord { expires_at: Some(Fixtures::at(expected_ms)), ..key.clone() };
        assert_eq!(store.api_keys().await.unwrap(), [ended, other.clone()], "{asked_ms}");
    }
}

/// The id of a key of another environment has no effect.
pub async fn no_environment_revokes_the_key_of_another(store: Store) {
    let (rows, acme, other) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    let key = rows.api_key(&acme);
    store.add_api_key(&key).await.unwrap();
    assert!(!store.end_api_key(&other.dev_id, &key.key_id, &Fixtures::NOW).await.unwrap());
    assert!(!store.end_api_key(&acme.dev_id, &rows.api_key(&acme).key_id, &Fixtures::NOW).await.unwrap());
    assert_eq!(store.api_keys().await.unwrap(), [key]);
}

/// The latest use counts, whatever the order of the writes.
pub async fn a_key_remembers_its_last_use(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (key, other) = (rows.api_key(&developer), rows.api_key(&developer));
    store.add_api_key(&key).await.unwrap();
    store.add_api_key(&other).await.unwrap();
    store.touch_api_key(&rows.api_key(&developer).key_id, &Fixtures::NOW).await.unwrap();
    for (told_ms, expected_ms) in [(5, 5), (3, 5), (9, 9)] {
        store.touch_api_key(&key.key_id, &Fixtures::at(told_ms)).await.unwrap();
        let used = ApiKeyRecord { last_used_at: Some(Fixtures::at(expected_ms)), ..key.clone() };
        assert_eq!(store.api_keys().await.unwrap(), [used, other.clone()], "{told_ms}");
    }
}

struct RotateKey {
    old: ApiKeyRecord,
    end: Timestamp,
    new: ApiKeyRecord,
}

#[async_trait]
impl Unit for RotateKey {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.add_api_key(&self.new).await?;
        tx.expire_api_key(&self.old.dev_id, self.old.key_id, self.end).await
    }
}

/// Each rotation creates a key, and the old key expires at the earliest requested instant.
pub async fn many_may_rotate_a_key_at_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let old = rows.api_key(&developer);
    store.add_api_key(&old).await.unwrap();
    let rotated = at_once(20, |n| {
        let end = Fixtures::at([50, 70, 60][n % 3]);
        let unit = RotateKey { old: old.clone(), end, new: rows.api_key(&developer) };
        let store = store.clone();
        async move { store.run(unit).await.unwrap() }
    });
    assert_eq!(rotated.await, [true; 20]);
    let keys = store.api_keys_of(&developer.dev_id).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.expires_at.is_none()).count(), 20);
    let ended = ApiKeyRecord { expires_at: Some(Fixtures::at(50)), ..old };
    assert!(keys.contains(&ended));
}
