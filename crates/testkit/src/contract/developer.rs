use terra_auth_core::{developer::Developer, store::Store};
use terra_auth_types::{Environment, KeyId};

use super::developer;
use crate::{Rows, Verbs as _};

fn with_everything(developer: Developer) -> Developer {
    Developer {
        name: "Acme Größe".to_owned(),
        logo_url: Some("https://acme.example/logo.svg".parse().unwrap()),
        accent: Some("#0a7cff".to_owned()),
        user_limit: Some(u32::MAX),
        providers: Some(vec!["GARMIN".parse().unwrap(), "FITBIT".parse().unwrap()]),
        redirect_allow_list: vec!["https://acme.example/a".parse().unwrap(), "https://acme.example/b".parse().unwrap()],
        destination: Some("https://acme.example/hook?a=b".parse().unwrap()),
        ..developer
    }
}

/// With everything it may have, and with nothing but what it must have.
pub async fn a_developer_is_read_as_it_was_added(store: Store) {
    let rows = Rows::default();
    let bare = rows.developer("bare");
    let full = Developer { environment: Environment::Production, ..with_everything(rows.developer("full")) };
    for developer in [bare, full] {
        assert!(store.add_developer(&developer).await.unwrap());
        assert_eq!(store.developer(&developer.dev_id).await.unwrap(), Some(developer.clone()));
        assert_eq!(store.hold_developer(&developer.dev_id).await.unwrap(), Some(developer));
    }
    assert_eq!(store.developer(&Rows::dev_id("unknown")).await.unwrap(), None);
    assert_eq!(store.hold_developer(&Rows::dev_id("unknown")).await.unwrap(), None);
}

/// The second one is told so, and changes nothing.
pub async fn a_dev_id_is_taken_once(store: Store) {
    let first = developer(&store, "acme").await;
    let second = Developer { name: "Impostor".to_owned(), ..first.clone() };
    assert!(!store.add_developer(&second).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), [first]);
}

/// The three are given, but not taken over.
pub async fn a_developer_is_updated_but_for_its_id_environment_and_creation(store: Store) {
    let (first, other) = (developer(&store, "acme").await, developer(&store, "other").await);
    let changed = Developer { signing_secret: Rows::default().sealed(), ..with_everything(first.clone()) };
    let update = Developer { environment: Environment::Production, created_at: Rows::at(1), ..changed.clone() };
    assert!(store.update_developer(&update).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), [changed, other]);
}

/// It is not added instead.
pub async fn an_unknown_developer_is_not_updated(store: Store) {
    assert!(!store.update_developer(&Rows::default().developer("unknown")).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), []);
}

/// Whatever the language of the machine: `B` before `_` before `a`.
pub async fn developers_come_by_the_bytes_of_their_ids(store: Store) {
    for dev_id in ["b", "a", "_", "B", "aa", "a-b"] {
        developer(&store, dev_id).await;
    }
    let ids: Vec<_> = store.developers().await.unwrap().into_iter().map(|found| found.dev_id.to_string()).collect();
    assert_eq!(ids, ["B", "_", "a", "a-b", "aa", "b"]);
}

/// Oldest first, with an expiry and without.
pub async fn api_keys_are_read_as_they_were_added(store: Store) {
    let (rows, developer) = (Rows::default(), developer(&store, "acme").await);
    let mut newer = rows.api_key(&developer);
    newer.created_at = Rows::at(1);
    newer.expires_at = Some(Rows::at(2));
    let older = rows.api_key(&developer);
    store.add_api_key(&newer).await.unwrap();
    store.add_api_key(&older).await.unwrap();
    assert_eq!(store.api_keys().await.unwrap(), [older, newer]);
}

/// Nothing is kept for a developer who is not there.
pub async fn an_api_key_needs_a_developer(store: Store) {
    let rows = Rows::default();
    assert!(store.add_api_key(&rows.api_key(&rows.developer("unknown"))).await.is_err());
    assert_eq!(store.api_keys().await.unwrap(), []);
}

/// Neither its id nor its digest is there twice.
pub async fn a_key_is_added_once(store: Store) {
    let (rows, developer) = (Rows::default(), developer(&store, "acme").await);
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
