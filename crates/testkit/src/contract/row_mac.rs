use terra_auth_model::{
    developer::Developer,
    keys::{KeyRing, MasterKey, Sealed},
    row_mac::RowsToMac,
    store::Store,
    vault::{SealedColumn, SealedValue},
};

use super::developer;
use crate::{Fixtures, StoreExt as _};

/// The store with the MACs of this master key.
fn marked(store: &Store, key: u8) -> Store {
    store.clone().with_row_authenticator(KeyRing::new(&MasterKey([key; 32].into())).row_marker())
}

/// A row of every table with MACs.
async fn add_rows(store: &Store) -> Developer {
    let rows = Fixtures::default();
    let developer = developer(store, "acme").await;
    store.add_api_key(&rows.api_key(&developer)).await.unwrap();
    store.put_provider_app(&rows.provider_app("acme", "FITBIT")).await.unwrap();
    store.add_admin_token(&rows.admin_token()).await.unwrap();
    developer
}

async fn count(store: &Store) -> [usize; 4] {
    let [tokens, keys] = [store.admin_tokens().await.unwrap().len(), store.api_keys().await.unwrap().len()];
    [tokens, keys, store.developers().await.unwrap().len(), store.provider_apps().await.unwrap().len()]
}

/// Rows with the MAC of another key, and rows without a MAC, are ignored.
pub async fn a_row_is_believed_only_with_the_right_mark(store: Store) {
    let (ours, other) = (marked(&store, 1), marked(&store, 2));
    let developer = add_rows(&ours).await;
    assert_eq!((count(&ours).await, count(&other).await, count(&store).await), ([1; 4], [0; 4], [1; 4]));
    assert_eq!(ours.lock_developer(&developer.dev_id).await.unwrap(), Some(developer.clone()));
    for read in [&other.developer(&developer.dev_id).await, &other.lock_developer(&developer.dev_id).await] {
        assert_eq!(read.as_ref().unwrap(), &None);
    }
    store.update_developer(&Developer { keep_user_id: true, ..developer.clone() }).await.unwrap();
    assert_eq!(ours.share_developer(&developer.dev_id).await.unwrap(), None);
    ours.update_developer(&developer).await.unwrap();
    assert_eq!(ours.share_developer(&developer.dev_id).await.unwrap(), Some(developer));
}

/// Verbs that change one column update the MAC, and add none to a row without a valid one.
pub async fn a_change_of_one_column_marks_only_a_row_that_was_believed(store: Store) {
    let (ours, other) = (marked(&store, 1), marked(&store, 2));
    let developer = add_rows(&ours).await;
    let [key] = &ours.api_keys().await.unwrap()[..] else { panic!("one key") };
    for (store, believed) in [(&ours, true), (&other, false)] {
        assert!(store.end_api_key(&developer.dev_id, &key.key_id, &Fixtures::at(9)).await.unwrap());
        assert_eq!(store.api_keys_of(&developer.dev_id).await.unwrap().len(), usize::from(believed));
    }
    store.touch_api_key(&key.key_id, &Fixtures::at(3)).await.unwrap();
    assert_eq!(ours.api_keys().await.unwrap()[0].expires_at, Some(Fixtures::at(9)));
    for column in [SealedColumn::SigningSecret, SealedColumn::AppSecret] {
        for (store, sealed) in [(&ours, Sealed(vec![1])), (&other, Sealed(vec![2]))] {
            let [old] = &store.sealed_values(&column, &None, &9).await.unwrap()[..] else { panic!("one value") };
            let old: &SealedValue = old;
            assert!(store.reseal(&column, old, &sealed).await.unwrap());
        }
    }
    assert_eq!(count(&ours).await, [1, 1, 0, 0], "what another key has changed is refused");
    assert_eq!(count(&other).await, [0; 4]);
}

/// MACs are added to rows without one, or to all rows, and the start is recorded.
pub async fn rows_are_marked_as_they_are(store: Store) {
    let (ours, other) = (marked(&store, 1), marked(&store, 2));
    add_rows(&store).await;
    assert_eq!(ours.marked_since().await.unwrap(), None);
    assert_eq!(count(&ours).await, [0; 4]);
    assert_eq!(ours.mark_rows(&RowsToMac::WithoutMac).await.unwrap(), 4);
    assert_eq!((count(&ours).await, count(&other).await), ([1; 4], [0; 4]));
    assert_eq!(other.mark_rows(&RowsToMac::WithoutMac).await.unwrap(), 0);
    assert_eq!(other.mark_rows(&RowsToMac::All).await.unwrap(), 4);
    assert_eq!((count(&ours).await, count(&other).await), ([0; 4], [1; 4]));
    ours.set_marked_since(&7).await.unwrap();
    assert_eq!(store.marked_since().await.unwrap(), Some(7));
}
