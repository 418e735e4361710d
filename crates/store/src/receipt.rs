//! Receipts, which resolve an unknown outcome of COMMIT.

use async_trait::async_trait;
use terra_auth_model::{
    receipt::{Receipt, Receipts},
    store_error::StoreError,
};

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::Parameter as _,
};

statements! {
    ADD_RECEIPT: Sql::plain(
        "INSERT INTO receipt (receipt_id, created_at_ms) VALUES ($1, $2) ON CONFLICT (receipt_id) DO NOTHING",
    );
}

#[async_trait]
impl<D: Database> Receipts for Queries<D> {
    async fn add_receipt(&mut self, receipt: Receipt) -> Result<bool, StoreError> {
        self.changes(ADD_RECEIPT, &[receipt.id.value(), receipt.created_at.value()]).await
    }
}
