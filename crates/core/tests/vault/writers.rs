//! A rotation with concurrent writers: the last written value remains.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use terra_auth_core::Auth;
use terra_auth_model::{connection::Connection, grant::NewTokens, store::Store};
use terra_auth_testkit::{Fixtures, StoreExt as _};

use crate::world::{admin, assert_all_decrypt, fill, in_memory, opened, postgres, seal, start};

/// Stores newer and newer tokens of one connection; returns the number of the last pair.
async fn refresh_on(auth: Auth, connection: Connection, ends: Arc<AtomicBool>) -> usize {
    let mut number = 0;
    while !ends.load(Ordering::Relaxed) || number == 0 {
        number += 1;
        let mut leased = auth.store().kept_grant(&connection.dev_id, &connection.user_id).await.unwrap().unwrap();
        leased.lease = leased.version + 1;
        let sealed = seal(&auth, &connection, number).grant.unwrap();
        let new = NewTokens {
            sealed,
            scopes: None,
            expires_at: None,
            refresh_at: None,
            saved_at: Fixtures::NOW,
            unconfirmed_since: None,
        };
        assert!(auth.store().keep_tokens(&leased, &new).await.unwrap());
    }
    number
}

async fn a_new_token_is_never_replaced_by_an_older_one(store: Store) {
    let auth = start(&store, &[1]).await.unwrap();
    let (dev_id, connections) = fill(&auth, 40).await;
    let ends = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = connections
        .iter()
        .take(8)
        .map(|connection| tokio::spawn(refresh_on(auth.clone(), connection.clone(), Arc::clone(&ends))))
        .collect();
    for _ in 0..3 {
        auth.rotate_data_key(&admin(), Duration::from_millis(200), |_| {}).await.unwrap();
    }
    ends.store(true, Ordering::Relaxed);
    for (writer, connection) in writers.into_iter().zip(&connections) {
        let last = writer.await.unwrap();
        let now = store.connection(&dev_id, &connection.user_id).await.unwrap().unwrap();
        assert!(opened(&auth, &now).contains(&format!("-{last}\"")));
    }
    assert_eq!((assert_all_decrypt(&auth).await, auth.keys().current()), ((84, 0), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_survives_a_rotation_in_sqlite() {
    a_new_token_is_never_replaced_by_an_older_one(in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_survives_a_rotation_in_postgres() {
    let (store, _database) = postgres().await;
    a_new_token_is_never_replaced_by_an_older_one(store).await;
}
