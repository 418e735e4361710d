//! The transaction of the verbs on PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use terra_auth_model::store_error::StoreError;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::{
    failure::{self, Remedy},
    servers::Session,
};
use crate::{
    engine::{Access, Database, LockMode},
    migrate::Migrated,
    value::{Cell, Row, Value, failed},
};

pub(crate) struct Transaction<'c> {
    session: &'c Session,
    /// Whether the connection has its own prepared statements.
    prepares: bool,
    access: Access,
    /// The remedy after a statement failed.
    pub(super) remedy: Option<Remedy>,
}

impl<'c> Transaction<'c> {
    /// The transaction that is open on a connection.
    pub(super) const fn new(session: &'c Session, prepares: bool, access: Access) -> Self {
        Self { session, prepares, access, remedy: None }
    }

    fn failed(&mut self, error: tokio_postgres::Error) -> StoreError {
        if self.access == Access::Read && failure::is_read_only(&error) {
            return failed(error); // a fault of the job, not of the server
        }
        self.remedy = failure::remedy(&error).or(self.remedy);
        failure::of_statement(error)
    }

    async fn try_execute(&self, text: &str, values: &[Value<'_>]) -> Result<u64, tokio_postgres::Error> {
        if self.prepares {
            self.session.execute(&self.session.prepare_cached(text).await?, &parameters(values)).await
        } else {
            self.session.execute_typed(text, &typed(values)).await
        }
    }

    async fn try_rows(
        &self,
        text: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        if self.prepares {
            self.session.query(&self.session.prepare_cached(text).await?, &parameters(values)).await
        } else {
            self.session.query_typed(text, &typed(values)).await
        }
    }
}

impl Database for Transaction<'_> {
    // Does not lock the developer's key, so that others can add rows that refer to it.
    const FOR_UPDATE: &'static str = "FOR NO KEY UPDATE";
    const FOR_UPDATE_SKIP_LOCKED: &'static str = "FOR UPDATE SKIP LOCKED";

    async fn execute(&mut self, text: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.try_execute(text, values).await.map_err(|error| self.failed(error))
    }

    async fn lock(&mut self, key: i64, mode: LockMode) -> Result<(), StoreError> {
        let text = match mode {
            LockMode::Shared => "SELECT pg_advisory_xact_lock_shared($1)",
            LockMode::Exclusive => "SELECT pg_advisory_xact_lock($1)",
        };
        self.execute(text, &[Value::Int(key)]).await.map(drop)
    }

    async fn rows(&mut self, text: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.try_rows(text, values).await.map_err(|error| self.failed(error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(failed)
    }
}

fn read(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    Ok(Row::new((0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>()?))
}

impl Migrated for Transaction<'_> {
    const MIGRATIONS: &'static [&'static str] = &[include_str!("../../migrations/postgres/0001_schema.sql")];

    async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        self.session.batch_execute(text).await.map_err(|error| self.failed(error))
    }
}

fn parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

/// The values with their types, for a statement that is not prepared. PostgreSQL infers the type of a null.
fn typed<'v>(values: &'v [Value<'v>]) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
    let typed = values.iter().map(|value| {
        let ty = match value {
            Value::Null => Type::UNKNOWN,
            Value::Int(_) => Type::INT8,
            Value::Text(_) => Type::TEXT,
            Value::Bytes(_) => Type::BYTEA,
        };
        (value as _, ty)
    });
    typed.collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // each kind of value checks its type
    }

    to_sql_checked!();
}

impl<'r> FromSql<'r> for Cell {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Self::Int),
            Type::BYTEA => Vec::from_sql(ty, raw).map(Self::Bytes),
            _ => String::from_sql(ty, raw).map(Self::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::BYTEA, Type::TEXT].contains(ty)
    }
}
