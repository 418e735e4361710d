//! The interface to a database, and the type that implements every verb once for all databases.

use std::{borrow::Cow, future::Future, time::Duration};

use terra_auth_model::{row_mac::RowAuthenticator, store_error::StoreError};

use crate::value::{Record, Row, Value, failed};

/// An open transaction of one database: all that the verbs need.
pub(crate) trait Database: Send {
    /// The clause of a `SELECT` that locks its rows.
    const FOR_UPDATE: &'static str;
    /// The clause that also skips rows locked by another transaction.
    const FOR_UPDATE_SKIP_LOCKED: &'static str;

    /// Runs a statement. Returns the number of changed rows.
    fn execute(&mut self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Takes a lock until the transaction ends. A database with a single writer does nothing.
    fn lock(&mut self, key: i64, mode: LockMode) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Runs a statement. Returns its rows.
    fn rows(&mut self, text: &str, values: &[Value<'_>]) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}

/// A statement for both databases. `$1`, `$2`, … must first appear in this order, because SQLite numbers them by it.
#[derive(Clone, Copy)]
pub(crate) struct Sql {
    head: &'static str,
    lock: Option<Lock>,
    tail: &'static str,
}

/// Whether other transactions can hold the same lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockMode {
    Shared,
    Exclusive,
}

#[derive(Clone, Copy)]
pub(crate) enum Lock {
    ForUpdate,
    ForUpdateSkipLocked,
}

impl Sql {
    pub(crate) const fn plain(text: &'static str) -> Self {
        Self { head: text, lock: None, tail: "" }
    }

    /// A statement with a lock clause between `head` and `tail`.
    pub(crate) const fn locking(head: &'static str, lock: Lock, tail: &'static str) -> Self {
        Self { head, lock: Some(lock), tail }
    }

    /// The statement in the dialect of a database.
    pub(crate) fn text<D: Database>(&self) -> Cow<'static, str> {
        let clause = match self.lock {
            None => return Cow::Borrowed(self.head),
            Some(Lock::ForUpdate) => D::FOR_UPDATE,
            Some(Lock::ForUpdateSkipLocked) => D::FOR_UPDATE_SKIP_LOCKED,
        };
        Cow::Owned([self.head, clause, self.tail].join(" "))
    }
}

/// Defines the statements of one file, and lists them for the tests that prepare all statements.
macro_rules! statements {
    ($($name:ident: $sql:expr;)+) => {
        $(pub(crate) const $name: $crate::engine::Sql = $sql;)+

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, $crate::engine::Sql)] = &[$((stringify!($name), $name)),+];
    };
}

pub(crate) use statements;

/// The verbs, over any database.
pub(crate) struct Queries<D> {
    pub(crate) database: D,
    failed: bool,
    /// Computes and checks the MACs of rows.
    pub(crate) marker: Option<RowAuthenticator>,
}

/// The permissions of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// How long a caller waits for its turn.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A forbidden action of a unit. Its changes are rolled back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatementBug {
    /// The statement may have ended the transaction: always on PostgreSQL, and on a full disk on SQLite.
    #[error("a unit of work continued after a failed statement")]
    WentOn,
    /// On SQLite, all other units would wait too.
    #[error("a unit of work waited for something other than the store")]
    Waited,
    #[error("a unit of work panicked")]
    Panicked,
}

impl<D: Database> Queries<D> {
    pub(crate) const fn new(database: D) -> Self {
        Self { database, failed: false, marker: None }
    }

    /// Runs a statement. Returns the number of changed rows.
    pub(crate) async fn execute(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.continue_after()?;
        let outcome = self.database.execute(&sql.text::<D>(), values).await;
        self.failed = outcome.is_err();
        outcome
    }

    /// Takes a lock until the unit ends.
    pub(crate) async fn take_lock(&mut self, key: i64, mode: LockMode) -> Result<(), StoreError> {
        self.continue_after()?;
        let outcome = self.database.lock(key, mode).await;
        self.failed = outcome.is_err();
        outcome
    }

    /// Runs a statement. Returns whether it changed a row.
    pub(crate) async fn changes(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<bool, StoreError> {
        Ok(self.execute(sql, values).await? > 0)
    }

    /// Runs a statement and reads all its rows.
    pub(crate) async fn all<R: Record>(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<Vec<R>, StoreError> {
        self.rows(sql, values).await?.iter_mut().map(R::read).collect()
    }

    /// Runs a statement. Returns its raw rows.
    pub(crate) async fn rows(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.continue_after()?;
        let rows = self.database.rows(&sql.text::<D>(), values).await;
        self.failed = rows.is_err();
        rows
    }

    /// Runs a statement and reads its first row.
    pub(crate) async fn first<R: Record>(&mut self, sql: Sql, values: &[Value<'_>]) -> Result<Option<R>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    fn continue_after(&self) -> Result<(), StoreError> {
        if self.failed { Err(failed(StatementBug::WentOn)) } else { Ok(()) }
    }

    /// Whether the changes may be committed, given the result of the unit.
    pub(crate) fn verdict(&self, keep: bool) -> Result<bool, StoreError> {
        if keep { self.continue_after().map(|()| true) } else { Ok(false) }
    }
}
