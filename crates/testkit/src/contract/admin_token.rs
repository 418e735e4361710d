use async_trait::async_trait;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::wire::admin::Role;

use super::at_once;
use crate::{Fixtures, StoreExt as _};

/// Covers every role, and tokens with and without an expiry. They are listed oldest first.
pub async fn admin_tokens_are_read_as_they_were_added(store: Store) {
    let rows = Fixtures::default();
    let first = AdminTokenRecord { name: "größe".to_owned(), ..rows.admin_token() };
    let made = |ms, role| AdminTokenRecord {
        role,
        created_at: Fixtures::at(ms),
        expires_at: Some(Fixtures::at(9)),
        ..rows.admin_token()
    };
    let (second, third) = (made(1, Role::Operator), made(2, Role::ReadOnly));
    for token in [&third, &first, &second] {
        store.add_admin_token(token).await.unwrap();
    }
    assert_eq!(store.admin_tokens().await.unwrap(), [first, second, third]);
}

/// Neither the id nor the digest can be added twice.
pub async fn an_admin_token_is_added_once(store: Store) {
    let rows = Fixtures::default();
    let token = rows.admin_token();
    store.add_admin_token(&token).await.unwrap();
    let same_id = AdminTokenRecord { token_id: token.token_id, ..rows.admin_token() };
    let same_digest = AdminTokenRecord { digest: token.digest, ..rows.admin_token() };
    assert!(store.add_admin_token(&same_id).await.is_err());
    assert!(store.add_admin_token(&same_digest).await.is_err());
    assert_eq!(store.admin_tokens().await.unwrap(), [token]);
}

/// Only one of several concurrent removals returns `true`.
pub async fn an_admin_token_is_removed_once(store: Store) {
    let rows = Fixtures::default();
    let (token, other) = (rows.admin_token(), rows.admin_token());
    store.add_admin_token(&token).await.unwrap();
    store.add_admin_token(&other).await.unwrap();
    let removed = at_once(20, |_| {
        let (store, token_id) = (store.clone(), token.token_id);
        async move { store.remove_admin_token(&token_id).await.unwrap() }
    });
    assert_eq!(removed.await.into_iter().filter(|removed| *removed).count(), 1);
    assert_eq!(store.admin_tokens().await.unwrap(), [other]);
}

/// A unit that increments the revision, and may fail afterwards.
struct Bump {
    refuses: bool,
}

#[async_trait]
impl Unit for Bump {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.bump_revision().await?;
        if self.refuses { Err(StoreError::Busy) } else { tx.revision().await }
    }
}

/// Concurrent increments are all counted, and rolled back ones are not.
pub async fn the_revision_counts_every_change(store: Store) {
    assert_eq!(store.revision().await.unwrap(), 0);
    let seen = at_once(60, |n| {
        let (store, unit) = (store.clone(), Bump { refuses: n % 6 == 1 });
        async move { store.run(unit).await.ok() }
    });
    let mut seen: Vec<_> = seen.await.into_iter().flatten().collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
    assert_eq!(store.revision().await.unwrap(), 50);
    store.bump_revision().await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 51);
}
