use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    receipt::Receipt,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _, WriteFault::AnswerLost, WriteFaults};

struct Add {
    connection: Connection,
    runs: Arc<AtomicU32>,
}

#[async_trait]
impl Unit for Add {
    type Done = u32;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, StoreError> {
        tx.add_connection(&self.connection).await?;
        Ok(self.runs.fetch_add(1, Relaxed))
    }
}

/// Only one of many concurrent calls succeeds.
pub async fn a_receipt_is_added_once(store: Store) {
    let receipt = Receipt { id: Fixtures::default().uuid(), created_at: Fixtures::NOW };
    let added = at_once(100, |_| {
        let store = store.clone();
        async move { store.add_receipt(&receipt).await.unwrap() }
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
}

/// This holds even if the response to COMMIT is lost twice.
pub async fn a_unit_with_a_receipt_happens_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (store, faults) = WriteFaults::of(store);
    let unit = || Add { connection: rows.connection(&developer), runs: Arc::default() };
    let (lost, receipt) = (unit(), Receipt { id: rows.uuid(), created_at: Fixtures::NOW });
    let (connection, runs) = (lost.connection.clone(), Arc::clone(&lost.runs));
    faults.plan(&[AnswerLost, AnswerLost]);
    assert_eq!(store.run_once(receipt, lost).await.unwrap(), 0);
    assert_eq!(runs.load(Relaxed), 1);
    assert_eq!(store.connection(&developer.dev_id, &connection.user_id).await.unwrap(), Some(connection));

    faults.plan(&[AnswerLost; 3]);
    let receipt = Receipt { id: rows.uuid(), created_at: Fixtures::NOW };
    assert!(matches!(store.run_once(receipt, unit()).await, Err(StoreError::UnknownOutcome(_))));
}
