//! A rotation re-encrypts all values with a new data key, or can be continued.

use std::{sync::Arc, time::Duration};

use terra_auth_core::{
    Auth,
    admin::action::{Admin, AdminError},
    node::rotation::RotationProgress,
    vault::{RotateError, Rotated},
};
use terra_auth_model::{
    keys::{Purpose, SealContext, Sealed},
    store::Store,
    vault::SealedColumn,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::StoreExt as _;
use terra_auth_types::wire::admin::Role;

use crate::{
    dying::{Healthy, dying},
    world::{admin, assert_all_decrypt, fill, in_memory, opened, postgres, start},
};

async fn rotate(auth: &Auth) -> Result<Rotated, RotateError> {
    auth.rotate_data_key(&admin(), Duration::ZERO, |_| {}).await
}

/// The numbers of the vault keys that are in use.
async fn in_use(store: &Store) -> Vec<u32> {
    let keys = store.data_keys().await.unwrap().into_iter();
    keys.filter(|key| key.purpose == Purpose::Vault && key.retired_at.is_none()).map(|key| key.number).collect()
}

#[tokio::test]
async fn all_values_are_encrypted_with_the_new_key_and_the_old_one_retires() {
    let store = in_memory();
    let auth = start(&store, &[1]).await.unwrap();
    let (dev_id, connections) = fill(&auth, 300).await;
    let mut heard = Vec::new();
    let rotated = auth.rotate_data_key(&admin(), Duration::ZERO, |progress| heard.push(progress)).await.unwrap();
    let progress = RotationProgress { looked_at: 2 * 604, resealed: 604 };
    assert_eq!(rotated, Rotated { data_key: 2, progress });
    assert_eq!(heard.last(), Some(&progress));
    assert!(heard.is_sorted_by_key(|progress| progress.looked_at));
    assert_eq!((assert_all_decrypt(&auth).await, in_use(&store).await), ((604, 0), vec![2]));
    for (number, connection) in connections.iter().enumerate() {
        let now = store.connection(&dev_id, &connection.user_id).await.unwrap().unwrap();
        assert!(opened(&auth, &now).contains(&format!("-{number}\"")));
        assert_ne!(now.grant, connection.grant);
    }
    assert!(auth.verify_audit().await.unwrap().intact);
    let again = start(&store, &[1]).await.unwrap();
    assert_eq!((assert_all_decrypt(&again).await, again.keys().current()), ((604, 0), 2));
    opened(&again, &connections[0]); // a retired key still decrypts values in progress
}

#[tokio::test]
async fn a_rotation_that_crashes_anywhere_is_completed_by_the_next() {
    let mut done_in = None;
    for jobs in 0..200 {
        let engine = Arc::new(Sqlite::in_memory().unwrap());
        let store = Store::new(Healthy(Arc::clone(&engine)));
        fill(&start(&store, &[1]).await.unwrap(), 2).await;
        let cut = async { rotate(&start(&dying(&engine, jobs), &[1]).await.ok()?).await.ok() }.await;
        let auth = start(&store, &[1]).await.unwrap();
        assert_eq!(assert_all_decrypt(&auth).await.0, 8, "{jobs}: nothing is lost meanwhile");
        if cut.is_some() {
            done_in = Some(jobs);
            break;
        }
        let rotated = rotate(&auth).await.unwrap();
        assert_eq!((assert_all_decrypt(&auth).await, in_use(&store).await), ((8, 0), vec![rotated.data_key]), "{jobs}");
        assert!(rotated.data_key <= 3 && auth.verify_audit().await.unwrap().intact, "{jobs}");
    }
    assert!(done_in.unwrap() > 15, "it crashed in many steps before it completed");
}

#[tokio::test]
async fn a_value_that_cannot_be_decrypted_is_reported_and_its_key_does_not_retire() {
    let store = in_memory();
    let auth = start(&store, &[1]).await.unwrap();
    let (dev_id, _) = fill(&auth, 2).await;
    let value = store.sealed_values(&SealedColumn::Grant, &None, &1).await.unwrap().remove(0);
    let mut changed = value.sealed.clone();
    changed.0[30] ^= 1;
    assert!(store.reseal(&SealedColumn::Grant, &value, &changed).await.unwrap());

    let error = rotate(&auth).await.unwrap_err();
    assert!(matches!(error, RotateError::UnreadableValues(1)), "{error:?}");
    assert_eq!(in_use(&store).await, [1, 2]);
    let mut broken = Vec::new();
    let counts = auth.verify_vault(|column, value| broken.push((column, value.clone()))).await.unwrap();
    assert_eq!(
        counts.iter().map(|count| (count.values, count.older, count.broken)).collect::<Vec<_>>(),
        [(2, 1, 1), (2, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)]
    );
    let (column, found) = &broken[0];
    assert_eq!((*column, &found.dev_id, &found.row), (SealedColumn::Grant, &dev_id, &value.row));
    assert!(!format!("{found:?}").contains("access-token"));

    assert!(store.reseal(&SealedColumn::Grant, found, &value.sealed).await.unwrap());
    assert_eq!(rotate(&auth).await.unwrap().data_key, 2, "the same rotation is completed");
    assert_eq!((assert_all_decrypt(&auth).await, in_use(&store).await), ((8, 0), vec![2]));
}

#[tokio::test]
async fn a_value_that_was_moved_cannot_be_decrypted() {
    let store = in_memory();
    let auth = start(&store, &[1]).await.unwrap();
    fill(&auth, 2).await;
    let values = store.sealed_values(&SealedColumn::Grant, &None, &2).await.unwrap();
    assert!(store.reseal(&SealedColumn::Grant, &values[0], &values[1].sealed).await.unwrap());
    let mut broken = Vec::new();
    auth.verify_vault(|_, value| broken.push(value.row.clone())).await.unwrap();
    assert_eq!(broken, [values[0].row.clone()]);
}

#[tokio::test]
async fn only_an_owner_can_rotate_keys() {
    let store = in_memory();
    let auth = start(&store, &[1]).await.unwrap();
    let operator = Admin { role: Role::Operator, ..admin() };
    let error = auth.rotate_data_key(&operator, Duration::ZERO, |_| {}).await.unwrap_err();
    assert!(matches!(error, RotateError::Admin(AdminError::Forbidden { .. })), "{error:?}");
    assert!(matches!(auth.rewrap_data_keys(&operator).await, Err(AdminError::Forbidden { .. })));
    assert_eq!(in_use(&store).await, [1]);
}

#[tokio::test]
async fn a_new_master_key_wraps_every_data_key_and_changes_no_value() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 3).await;
    let before = store.sealed_values(&SealedColumn::Grant, &None, &9).await.unwrap();
    let auth = start(&store, &[2, 1]).await.unwrap();
    rotate(&auth).await.unwrap();
    let resealed = store.sealed_values(&SealedColumn::Grant, &None, &9).await.unwrap();
    assert_ne!(before, resealed);
    assert_eq!(auth.rewrap_data_keys(&admin()).await.unwrap(), 2, "the new one is already wrapped by it");
    assert_eq!(auth.rewrap_data_keys(&admin()).await.unwrap(), 0);
    assert_eq!(store.sealed_values(&SealedColumn::Grant, &None, &9).await.unwrap(), resealed);
    let alone = start(&store, &[2]).await.unwrap();
    assert_eq!((assert_all_decrypt(&alone).await, alone.verify_audit().await.unwrap().intact), ((10, 0), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_loads_a_new_key_before_it_encrypts_a_value() {
    let (store, _database) = postgres().await;
    let (one, other) = (start(&store, &[1]).await.unwrap(), start(&store, &[1]).await.unwrap());
    fill(&one, 2).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let follows = other.clone();
    let watch = tokio::spawn(async move { follows.watch_for_changes(async { drop(ended.await) }).await });
    let place = SealContext { dev_id: "acme", row: "1", column: "grant" };
    let rotating = one.clone();
    let rotation = tokio::spawn(async move {
        rotating.rotate_data_key(&admin(), Duration::from_millis(1500), |_| {}).await.unwrap();
    });
    let crossing = |from: &Auth, to: &Auth| -> Sealed {
        let sealed = from.keys().seal(from.entropy().as_ref(), place, b"value");
        assert!(to.keys().open(place, &sealed).is_ok(), "{:?}", sealed.data_key());
        sealed
    };
    while !rotation.is_finished() {
        crossing(&one, &other);
        crossing(&other, &one);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rotation.await.unwrap();
    assert_eq!(crossing(&other, &one).data_key(), Some(2));
    end.send(()).unwrap();
    watch.await.unwrap();
}
