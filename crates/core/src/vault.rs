//! The sealed values of the store: verification, key rotation and reset.

mod online;
mod reset;
mod rotate;

use terra_auth_model::{
    keys::DataKey,
    store_error::StoreError,
    unit,
    vault::{ReadDataKeys, SealedColumn, SealedValue},
};

pub(crate) use self::reset::RESET_ACTION;
pub use self::{
    online::RotateMasterKeyError,
    reset::{Reset, ResetProgress, ResetVaultError},
    rotate::{KEY_PROPAGATION_TIME, RotateError, Rotated},
};
use crate::auth::Auth;
pub use crate::node::rotation::RotationProgress;

/// The number of values on a page.
const PAGE_SIZE: u32 = 200;

/// The number of values in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnCount {
    /// The column.
    pub column: SealedColumn,
    /// All values of the column.
    pub values: u64,
    /// The values that are encrypted with an older data key than the current one.
    pub older: u64,
    /// The values that cannot be decrypted.
    pub broken: u64,
}

impl Auth {
    /// Returns all data keys, wrapped, ordered by purpose and number.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn data_keys(&self) -> Result<Vec<DataKey>, StoreError> {
        self.store().read(ReadDataKeys {}).await
    }

    /// Decrypts every sealed value, and calls `broken` for each one that cannot be decrypted.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn verify_vault(
        &self,
        mut broken: impl FnMut(SealedColumn, &SealedValue),
    ) -> Result<Vec<ColumnCount>, StoreError> {
        let mut counts = Vec::new();
        for column in SealedColumn::ALL {
            let mut count = ColumnCount { column, values: 0, older: 0, broken: 0 };
            let mut page = self.sealed_values(column, None).await?;
            while let Some(last) = page.last().cloned() {
                for value in &page {
                    count.values += 1;
                    count.older += u64::from(self.is_older(value));
                    if self.keys().open(value.seal_context(column), &value.sealed).is_err() {
                        count.broken += 1;
                        broken(column, value);
                    }
                }
                page = self.sealed_values(column, Some(last)).await?;
            }
            counts.push(count);
        }
        Ok(counts)
    }

    fn is_older(&self, value: &SealedValue) -> bool {
        value.sealed.data_key() != Some(self.keys().current())
    }

    async fn sealed_values(
        &self,
        column: SealedColumn,
        after: Option<SealedValue>,
    ) -> Result<Vec<SealedValue>, StoreError> {
        self.store().read(ReadPage { column, after }).await
    }
}

unit!(ReadPage(column: SealedColumn, after: Option<SealedValue>) -> Vec<SealedValue> = |tx| tx.sealed_values(*column, after.as_ref(), PAGE_SIZE));
