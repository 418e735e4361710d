//! Everything that lies sealed in the store: looked at as a whole.

mod online;
mod reset;
mod rotate;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::DevId;

pub(crate) use self::online::Rotations;
pub(crate) use self::reset::RESET;
pub use self::{
    online::RotateMasterKeyError,
    reset::{Forgotten, Reset, ResetVaultError},
    rotate::{NODES_HEAR_WITHIN, Progress, RotateError, Rotated},
};
use crate::{
    auth::Auth,
    seal::{DataKey, Place, Sealed},
    store::{StoreError, Tx, Unit},
};

/// A column of the store that holds sealed values. Whoever adds such a column adds it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// The tokens of a connection.
    Grant,
    /// The tokens that are still to be revoked.
    OwedGrant,
    /// The newest signing secret of an environment.
    SigningSecret,
    /// The one before it.
    RetiringSecret,
    /// The newest secret of an operator's app at a provider.
    AppSecret,
    /// The one before it.
    PreviousAppSecret,
}

impl SealedColumn {
    /// All of them. A value only ever moves to a column further down.
    pub const ALL: [Self; 6] = [
        Self::Grant,
        Self::OwedGrant,
        Self::SigningSecret,
        Self::RetiringSecret,
        Self::AppSecret,
        Self::PreviousAppSecret,
    ];

    /// The table and the column, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "connection.sealed_grant",
            Self::OwedGrant => "revocation.sealed_grant",
            Self::SigningSecret => "developer.signing_secret",
            Self::RetiringSecret => "developer.retiring_secret",
            Self::AppSecret => "provider_app.sealed_secret",
            Self::PreviousAppSecret => "provider_app.previous_secret",
        }
    }

    /// The column of the values' [`Place`]: they stay good when they move.
    const fn place(self) -> &'static str {
        match self {
            Self::Grant | Self::OwedGrant => "grant",
            Self::SigningSecret | Self::RetiringSecret => "signing_secret",
            Self::AppSecret | Self::PreviousAppSecret => "app secret",
        }
    }
}

/// One sealed value and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The environment.
    pub dev_id: DevId,
    /// The row, as its [`Place`] has it.
    pub row: String,
    /// The value.
    pub sealed: Sealed,
}

impl SealedValue {
    fn place(&self, column: SealedColumn) -> Place<'_> {
        Place { dev_id: self.dev_id.as_str(), row: self.row.as_str(), column: column.place() }
    }
}

/// The verbs for sealed values.
#[async_trait]
pub trait SealedValues: Send {
    /// Up to `limit` values of a column, in the order of their rows, after the one given.
    async fn sealed_values(
        &mut self,
        column: SealedColumn,
        after: Option<&SealedValue>,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError>;

    /// Puts `new` in the place of a value that is still the one given; answers whether it was.
    async fn reseal(&mut self, column: SealedColumn, old: &SealedValue, new: &Sealed) -> Result<bool, StoreError>;

    /// Takes a value away that is still the one given; answers whether it was. Nothing is left of a secret that another one
    /// has replaced; a connection waits for its end user to connect again; a revocation has become impossible. What must
    /// not be missing stays: it can only be replaced.
    async fn forget_sealed(
        &mut self,
        column: SealedColumn,
        value: &SealedValue,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// Values that are read at once.
const PAGE: u32 = 200;

/// What is in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnCount {
    /// Which.
    pub column: SealedColumn,
    /// Its values.
    pub values: u64,
    /// Those of them that are sealed with an older data key than the current one.
    pub older: u64,
    /// Those that do not open.
    pub broken: u64,
}

impl Auth {
    /// All data keys, wrapped, by purpose and number.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn data_keys(&self) -> Result<Vec<DataKey>, StoreError> {
        self.store.read(ReadDataKeys).await
    }

    /// Opens every sealed value, and tells of each that does not open where it is.
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
                    if self.keys.open(value.place(column), &value.sealed).is_err() {
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
        value.sealed.data_key() != Some(self.keys.current())
    }

    async fn sealed_values(
        &self,
        column: SealedColumn,
        after: Option<SealedValue>,
    ) -> Result<Vec<SealedValue>, StoreError> {
        self.store.read(ReadPage { column, after }).await
    }
}

struct ReadPage {
    column: SealedColumn,
    after: Option<SealedValue>,
}

#[async_trait]
impl Unit for ReadPage {
    type Done = Vec<SealedValue>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.sealed_values(self.column, self.after.as_ref(), PAGE).await
    }
}

pub(crate) struct ReadDataKeys;

#[async_trait]
impl Unit for ReadDataKeys {
    type Done = Vec<DataKey>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.data_keys().await
    }
}
