//! The sealed values of the store, column by column.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::DevId;

use crate::{
    keys::{
        DataKey,
        sealed::{SealContext, Sealed},
    },
    store_error::StoreError,
    unit,
};

/// A column of the store that contains sealed values. A new column of that kind must be added here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// The tokens of a connection.
    Grant,
    /// The tokens of a pending revocation.
    OwedGrant,
    /// The newest signing secret of an environment.
    SigningSecret,
    /// The previous signing secret of an environment.
    RetiringSecret,
    /// The newest secret of an operator's app at a provider.
    AppSecret,
    /// The previous secret of an operator's app.
    PreviousAppSecret,
}

impl SealedColumn {
    /// All columns. A value that moves to another column always moves to a later one in this list.
    pub const ALL: [Self; 6] = [
        Self::Grant,
        Self::OwedGrant,
        Self::SigningSecret,
        Self::RetiringSecret,
        Self::AppSecret,
        Self::PreviousAppSecret,
    ];

    /// The table and the column, for display.
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

    /// The column name in the values' [`SealContext`]. A value can move between columns with the same name.
    const fn context_column(self) -> &'static str {
        match self {
            Self::Grant | Self::OwedGrant => "grant",
            Self::SigningSecret | Self::RetiringSecret => "signing_secret",
            Self::AppSecret | Self::PreviousAppSecret => "app secret",
        }
    }
}

/// One sealed value and its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The environment.
    pub dev_id: DevId,
    /// The row, as in the value's [`SealContext`].
    pub row: String,
    /// The value.
    pub sealed: Sealed,
}

impl SealedValue {
    /// The context to which the value is bound.
    #[must_use]
    pub fn seal_context(&self, column: SealedColumn) -> SealContext<'_> {
        SealContext { dev_id: self.dev_id.as_str(), row: self.row.as_str(), column: column.context_column() }
    }
}

/// The verbs for sealed values.
#[async_trait]
pub trait SealedValues: Send {
    /// Reads up to `limit` values of a column after the given one, ordered by row.
    async fn sealed_values(
        &mut self,
        column: SealedColumn,
        after: Option<&SealedValue>,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError>;

    /// Replaces a value with `new` if it is still the given one; returns whether it was.
    async fn reseal(&mut self, column: SealedColumn, old: &SealedValue, new: &Sealed) -> Result<bool, StoreError>;

    /// Discards a value if it is still the given one; returns whether it was. An old secret that has been
    /// replaced is removed. A connection becomes inactive until its end user connects again. A revocation
    /// becomes impossible. A value that must exist is not discarded: it can only be replaced.
    async fn discard_sealed(
        &mut self,
        column: SealedColumn,
        value: &SealedValue,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

unit!(
    /// Reads all data keys.
    pub ReadDataKeys() -> Vec<DataKey> = |tx| tx.data_keys()
);
