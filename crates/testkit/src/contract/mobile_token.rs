use terra_auth_model::store::Store;

use super::at_once;
use crate::{Fixtures, StoreExt as _};

/// A different expiry does not matter.
pub async fn a_token_is_spent_once(store: Store) {
    let rows = Fixtures::default();
    let token_id = rows.token_id();
    assert!(store.spend_token(&token_id, &Fixtures::at(1)).await.unwrap());
    assert!(!store.spend_token(&token_id, &Fixtures::at(1)).await.unwrap());
    assert!(!store.spend_token(&token_id, &Fixtures::at(2)).await.unwrap());
    assert!(store.spend_token(&rows.token_id(), &Fixtures::at(1)).await.unwrap());
}

/// All other calls fail.
pub async fn of_a_thousand_who_spend_a_token_one_succeeds(store: Store) {
    let token_id = Fixtures::default().token_id();
    let spent = at_once(1000, |_| {
        let store = store.clone();
        async move { store.spend_token(&token_id, &Fixtures::at(1)).await.unwrap() }
    });
    assert_eq!(spent.await.into_iter().filter(|spent| *spent).count(), 1);
}
