use terra_auth_model::{
    connection::Connection,
    developer::{Developer, RetiringSecret},
    keys::{DataKey, MasterKeyId, Purpose, Sealed},
    provider_app::{PreviousSecret, ProviderApp},
    store::Store,
    vault::{SealedColumn, SealedValue},
};
use terra_auth_types::wire::admin::SignWith;

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

fn data_key(purpose: Purpose, number: u32) -> DataKey {
    DataKey {
        purpose,
        number,
        wrapped_by: MasterKeyId([7; 8]),
        wrapped: vec![0, 1, 255],
        created_at: Fixtures::NOW,
        activated_at: None,
        retired_at: None,
    }
}

/// They are sorted by purpose, then by number.
pub async fn data_keys_are_read_as_they_were_added(store: Store) {
    let keys = [(Purpose::MacKey, 1), (Purpose::Vault, 1), (Purpose::Vault, 2), (Purpose::Vault, 10)]
        .map(|(purpose, number)| data_key(purpose, number));
    for key in keys.iter().rev() {
        assert!(store.add_data_key(key).await.unwrap());
    }
    assert_eq!(store.data_keys().await.unwrap(), keys);
}

/// The second caller gets an error.
pub async fn the_number_of_a_data_key_is_taken_once(store: Store) {
    let added = at_once(20, |n| {
        let key = DataKey { wrapped: vec![u8::try_from(n).unwrap()], ..data_key(Purpose::Vault, 2) };
        let store = store.clone();
        async move { store.add_data_key(&key).await.unwrap() }
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
    assert_eq!(store.data_keys().await.unwrap().len(), 1);
}

/// All fields except the purpose, number and creation time change.
pub async fn a_data_key_is_wrapped_again(store: Store) {
    let key = data_key(Purpose::Vault, 2);
    assert!(store.add_data_key(&key).await.unwrap());
    let rewrapped = DataKey {
        wrapped_by: MasterKeyId([8; 8]),
        wrapped: vec![9],
        activated_at: Some(Fixtures::at(1)),
        retired_at: Some(Fixtures::at(2)),
        ..key
    };
    assert!(store.update_data_key(&rewrapped).await.unwrap());
    assert!(!store.update_data_key(&data_key(Purpose::MacKey, 2)).await.unwrap());
    assert_eq!(store.data_keys().await.unwrap(), [rewrapped]);
}

/// Two developers with a retiring secret each, connections, and revocations.
async fn filled(store: &Store) -> (Vec<Developer>, Vec<Connection>) {
    let rows = Fixtures::default();
    let (mut developers, mut connections) = (Vec::new(), Vec::new());
    for dev_id in ["acme", "other"] {
        let secret = RetiringSecret { secret: rows.sealed(), until: Fixtures::at(1), sign_with: SignWith::Old };
        let developer = Developer { retiring_secret: Some(secret), ..rows.developer(dev_id) };
        assert!(store.add_developer(&developer).await.unwrap());
        for _ in 0..5 {
            let connection = rows.connection(&developer);
            store.add_connection(&connection).await.unwrap();
            store.add_revocation(&rows.revocation(&developer)).await.unwrap();
            connections.push(connection);
        }
        store.add_connection(&Connection { grant: None, ..rows.connection(&developer) }).await.unwrap();
        for provider in ["FITBIT", "OURA"] {
            let secret = PreviousSecret { secret: rows.app_secret(), until: Fixtures::at(1) };
            let app = ProviderApp { previous: Some(secret), ..rows.provider_app(dev_id, provider) };
            store.put_provider_app(&app).await.unwrap();
        }
        developers.push(developer);
    }
    connections.sort_by_key(|connection| (connection.dev_id.clone(), connection.user_id));
    (developers, connections)
}

async fn all_of(store: &Store, column: SealedColumn) -> Vec<SealedValue> {
    let mut found: Vec<SealedValue> = Vec::new();
    loop {
        let page = store.sealed_values(&column, &found.last().cloned(), &3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

/// Pages contain each value with its context.
pub async fn every_sealed_value_is_found_once(store: Store) {
    let (developers, connections) = filled(&store).await;
    let grants = connections.into_iter().map(|connection| SealedValue {
        dev_id: connection.dev_id,
        row: connection.user_id.to_string(),
        sealed: connection.grant.unwrap(),
    });
    assert_eq!(all_of(&store, SealedColumn::Grant).await, grants.collect::<Vec<_>>());
    assert_eq!(all_of(&store, SealedColumn::OwedGrant).await.len(), 10);
    for column in [SealedColumn::AppSecret, SealedColumn::PreviousAppSecret] {
        let found = all_of(&store, column).await;
        let places: Vec<_> = found.iter().map(|value| (value.dev_id.as_str(), value.row.as_str())).collect();
        assert_eq!(places, [("acme", "FITBIT"), ("acme", "OURA"), ("other", "FITBIT"), ("other", "OURA")]);
    }
    let of = |developer: &Developer, sealed: &Sealed| SealedValue {
        dev_id: developer.dev_id.clone(),
        row: "developer".to_owned(),
        sealed: sealed.clone(),
    };
    let secrets = developers.iter().map(|it| of(it, &it.signing_secret));
    assert_eq!(all_of(&store, SealedColumn::SigningSecret).await, secrets.collect::<Vec<_>>());
    let retiring = developers.iter().map(|it| of(it, &it.retiring_secret.as_ref().unwrap().secret));
    assert_eq!(all_of(&store, SealedColumn::RetiringSecret).await, retiring.collect::<Vec<_>>());
}

/// No other value changes.
pub async fn a_sealed_value_is_replaced_if_it_is_still_the_same(store: Store) {
    filled(&store).await;
    let new = Sealed(vec![7]);
    for column in SealedColumn::ALL {
        let before = all_of(&store, column).await;
        assert!(store.reseal(&column, &before[1], &new).await.unwrap());
        assert!(!store.reseal(&column, &before[1], &Sealed(vec![8])).await.unwrap(), "it is another one now");
        let mut expected = before;
        expected[1].sealed = new.clone();
        assert_eq!(all_of(&store, column).await, expected, "{column:?}");
    }
}

/// A concurrent change remains.
pub async fn of_many_who_replace_a_sealed_value_one_succeeds(store: Store) {
    developer(&store, "acme").await;
    let old = all_of(&store, SealedColumn::SigningSecret).await.remove(0);
    let replaced = at_once(20, |n| {
        let (store, old) = (store.clone(), old.clone());
        let new = Sealed(vec![u8::try_from(n).unwrap()]);
        async move { store.reseal(&SealedColumn::SigningSecret, &old, &new).await.unwrap() }
    });
    assert_eq!(replaced.await.into_iter().filter(|replaced| *replaced).count(), 1);
}
