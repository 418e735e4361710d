//! The values of parameters and columns: integers, text and bytes, for both databases.

use std::{any::type_name, borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use terra_auth_model::{
    developer::EnvironmentStatus,
    digest::KeyDigest,
    keys::{MasterKeyId, Purpose, Sealed},
    known_connection::ConnectionState,
    mobile_token::TokenId,
    received_event::ForwardState,
    store_error::StoreError,
    widget_session::SessionState,
};
use terra_auth_types::{
    ConnectionId, DestinationId, DevId, Environment, EventId, KeyId, Provider, ReferenceId, SessionId, UserId,
    wire::admin::{GrantState, RefreshFailure, RevocationOutcome, RevocationReason, Role, SignWith},
};
use url::Url;
use uuid::Uuid;

/// A parameter of a statement.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
}

/// A column of a row.
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// One row; its columns are read from left to right.
pub(crate) struct Row(std::vec::IntoIter<Cell>);

/// The value of one parameter.
pub(crate) trait Parameter {
    fn value(&self) -> Value<'_>;
}

/// The content of one row.
pub(crate) trait Record: Sized {
    fn read(row: &mut Row) -> Result<Self, StoreError>;
}

/// The content of one column; `None` if it has another type.
pub(crate) trait Column: Sized {
    fn read(cell: Cell) -> Option<Self>;
}

#[derive(Debug, thiserror::Error)]
#[error("a column has no valid {0}")]
struct Unreadable(&'static str);

impl Row {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    /// Reads the next column.
    pub(crate) fn take<C: Column>(&mut self) -> Result<C, StoreError> {
        let column = self.0.next().and_then(C::read);
        column.ok_or_else(|| failed(Unreadable(type_name::<C>())))
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value") // may contain a secret
    }
}

impl Value<'_> {
    /// A value as JSON text.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, StoreError> {
        let text = serde_json::to_string(value).map_err(failed)?;
        Ok(Self::Text(Cow::Owned(text)))
    }
}

/// A column of JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(cell: Cell) -> Option<Self> {
        serde_json::from_str(&String::read(cell)?).ok().map(Self)
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: Column> Column for Option<T> {
    fn read(cell: Cell) -> Option<Self> {
        if matches!(cell, Cell::Null) { Some(None) } else { T::read(cell).map(Some) }
    }
}

impl Parameter for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl Column for i64 {
    fn read(cell: Cell) -> Option<Self> {
        if let Cell::Int(value) = cell { Some(value) } else { None }
    }
}

/// Rows of a single column.
macro_rules! single {
    ($($type:ty),+) => {$(
        impl Record for $type {
            fn read(row: &mut Row) -> Result<Self, StoreError> {
                row.take()
            }
        }
    )+};
}

single!(u64, Option<Timestamp>);

/// Unsigned integers, stored as signed 64-bit integers. Larger values saturate.
macro_rules! int {
    ($($type:ty),+) => {$(
        impl Parameter for $type {
            fn value(&self) -> Value<'_> {
                Value::Int(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }

        impl Column for $type {
            fn read(cell: Cell) -> Option<Self> {
                i64::read(cell)?.try_into().ok()
            }
        }
    )+};
}

int!(u16, u32, u64);

impl Parameter for bool {
    fn value(&self) -> Value<'_> {
        Value::Int((*self).into())
    }
}

impl Column for bool {
    fn read(cell: Cell) -> Option<Self> {
        i64::read(cell).map(|value| value != 0)
    }
}

impl Parameter for Timestamp {
    fn value(&self) -> Value<'_> {
        Value::Int(self.as_millisecond())
    }
}

impl Column for Timestamp {
    fn read(cell: Cell) -> Option<Self> {
        Self::from_millisecond(i64::read(cell)?).ok()
    }
}

impl Parameter for str {
    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl Parameter for String {
    fn value(&self) -> Value<'_> {
        self.as_str().value()
    }
}

impl Column for String {
    fn read(cell: Cell) -> Option<Self> {
        if let Cell::Text(text) = cell { Some(text) } else { None }
    }
}

/// Types that are stored as text.
macro_rules! text {
    ($($type:ty: $parse:expr;)+) => {$(
        impl Parameter for $type {
            fn value(&self) -> Value<'_> {
                self.as_str().value()
            }
        }

        impl Column for $type {
            fn read(cell: Cell) -> Option<Self> {
                $parse(&String::read(cell)?)
            }
        }
    )+};
}

text! {
    ConnectionState: ConnectionState::from_name;
    DevId: |text: &str| text.parse().ok();
    Environment: |text: &str| text.parse().ok();
    ForwardState: ForwardState::from_name;
    GrantState: GrantState::from_name;
    Purpose: Purpose::from_name;
    Provider: |text: &str| text.parse().ok();
    ReferenceId: |text: &str| text.parse().ok();
    RefreshFailure: RefreshFailure::from_name;
    RevocationOutcome: RevocationOutcome::from_name;
    RevocationReason: RevocationReason::from_name;
    Role: Role::from_name;
    SessionState: SessionState::from_name;
    SignWith: SignWith::from_name;
    EnvironmentStatus: EnvironmentStatus::from_name;
    Url: |text: &str| text.parse().ok();
}

impl Parameter for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Column for Vec<u8> {
    fn read(cell: Cell) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { Some(bytes) } else { None }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn read(cell: Cell) -> Option<Self> {
        Vec::read(cell)?.try_into().ok()
    }
}

impl<const N: usize> Parameter for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Parameter for Uuid {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self.as_bytes())
    }
}

impl Column for Uuid {
    fn read(cell: Cell) -> Option<Self> {
        Column::read(cell).map(Self::from_bytes)
    }
}

/// Types that are stored as bytes.
macro_rules! bytes {
    ($($type:ident($wrap:expr);)+) => {$(
        impl Parameter for $type {
            fn value(&self) -> Value<'_> {
                Value::Bytes(self.0.as_ref())
            }
        }

        impl Column for $type {
            fn read(cell: Cell) -> Option<Self> {
                Column::read(cell).map($wrap).map(Self)
            }
        }
    )+};
}

bytes! {
    ConnectionId(Uuid::from_bytes);
    DestinationId(Uuid::from_bytes);
    EventId(Uuid::from_bytes);
    KeyDigest(std::convert::identity);
    KeyId(Uuid::from_bytes);
    MasterKeyId(std::convert::identity);
    Sealed(std::convert::identity);
    SessionId(Uuid::from_bytes);
    TokenId(std::convert::identity);
    UserId(Uuid::from_bytes);
}

/// Wraps a database error in the error of the port.
pub(crate) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Engine(Box::new(error))
}
