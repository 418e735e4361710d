//! Connections to SQLite, and the transaction of the verbs.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{
    CachedStatement, Connection, ErrorCode, OpenFlags, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use terra_auth_model::store_error::StoreError;

use super::{SqliteError, failure::of_sqlite, worker};
use crate::{
    engine::{Database, LockMode},
    migrate::{self, MigrateError, Migrated},
    value::{Cell, Row, Value},
};

/// An open transaction. Its futures are always ready.
pub(crate) struct Transaction<'c>(pub(crate) &'c mut Connection);

impl Database for Transaction<'_> {
    const FOR_UPDATE: &'static str = ""; // only one thread writes
    const FOR_UPDATE_SKIP_LOCKED: &'static str = "";

    async fn execute(&mut self, text: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.prepare(text)
            .and_then(|mut statement| statement.execute(params_from_iter(values)))
            .map_or_else(|error| Err(of_sqlite(error)), |changed| Ok(changed as u64))
    }

    async fn lock(&mut self, _key: i64, _mode: LockMode) -> Result<(), StoreError> {
        Ok(()) // only one thread writes
    }

    async fn rows(&mut self, text: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.collect(text, values).map_err(of_sqlite)
    }
}

impl Transaction<'_> {
    fn prepare(&self, text: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.0.prepare_cached(text)
    }

    fn collect(&self, text: &str, values: &[Value<'_>]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.prepare(text)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| Ok(row.get_ref(column)?.into())).collect();
        let cells = statement.query_map(params_from_iter(values), row)?;
        cells.map(|cells: rusqlite::Result<Vec<Cell>>| cells.map(Row::new)).collect()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Null | ValueRef::Real(_) => Self::Null,
        }
    }
}

impl Migrated for Transaction<'_> {
    const MIGRATIONS: &'static [&'static str] = &[include_str!("../../migrations/sqlite/0001_schema.sql")];

    async fn script(&mut self, text: &str) -> Result<(), StoreError> {
        self.0.execute_batch(text).map_err(of_sqlite)
    }
}

/// How long a statement waits for other processes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_POLL: Duration = Duration::from_millis(5);
const CACHED_STATEMENTS: usize = 64;

/// With `FULL`, the WAL survives a crash of the machine. Group commit limits the cost.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8192;
    PRAGMA journal_size_limit = 67108864;";

/// Opens the connection that writes, and migrates. Checks every page first, if required.
pub(super) fn open(path: &Path, is_checked: bool) -> Result<Connection, SqliteError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let damaged = |found| SqliteError::Damaged(path.to_owned(), found);
    configure(&connection).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => damaged(error.to_string()),
        _ => error.into(),
    })?;
    if is_checked {
        check(&connection).map_err(damaged)?;
    }
    set_up(connection)
}

/// The number of migrations in this program.
pub(super) const fn migrations() -> usize {
    <Transaction<'_> as Migrated>::MIGRATIONS.len()
}

/// Reads every page and the order of every table. Returns the first finding.
pub(super) fn check(connection: &Connection) -> Result<(), String> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(found),
        Err(error) => Err(error.to_string()),
    }
}

/// Opens a database in memory, and migrates.
pub(crate) fn open_in_memory() -> Result<Connection, SqliteError> {
    let connection = Connection::open_in_memory()?;
    configure(&connection)?;
    set_up(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, SqliteError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    let start = Instant::now();
    loop {
        match connection.execute_batch(SETTINGS) {
            // Two processes that switch a new file to WAL at once do not wait for each other.
            Err(error) if is_busy(&error) && start.elapsed() < BUSY_TIMEOUT => thread::sleep(BUSY_POLL),
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn set_up(mut connection: Connection) -> Result<Connection, SqliteError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    worker::finish(migrate::migrate(&mut Transaction(&mut connection))).map_err(MigrateError::from)??;
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}
