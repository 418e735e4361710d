//! The threads that run jobs: one writes, with group commit, and the others read.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use rusqlite::Connection;
use terra_auth_model::{store::Job, store_error::StoreError};

use super::{
    connection::Transaction,
    failure::{of_sqlite, shared},
    health::Health,
    queue::{Call, Calls},
};
use crate::{
    engine::{Access, Queries, StatementBug},
    value::failed,
};

/// The maximum number of jobs per commit.
const MAX_BATCH: usize = 256;

/// Writes until no caller is left, then moves all changes into the main file.
pub(super) fn write(mut connection: Connection, calls: &Calls, health: &Health) {
    loop {
        let mut batch = calls.take(MAX_BATCH);
        if batch.is_empty() {
            break;
        }
        let outcomes = write_batch(&mut connection, &mut batch, health);
        batch.into_iter().zip(outcomes).for_each(|(call, outcome)| call.answer(outcome));
    }
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(error = &error as &dyn std::error::Error, "could not empty the write-ahead log");
    }
}

/// Commits a batch, unless its files are not those that the next start will open. The files are checked again before
/// the results are sent.
fn write_batch(connection: &mut Connection, batch: &mut [Call], health: &Health) -> Vec<JobResult> {
    if let Err(error) = health.look() {
        return batch.iter().map(|_| Err(StoreError::Unavailable(Box::new(error)))).collect();
    }
    let outcomes = commit(connection, batch);
    health.written(&outcomes);
    match health.look() {
        Ok(()) => outcomes,
        Err(error) => {
            let unknown = || Err(StoreError::UnknownOutcome(Box::new(error)));
            outcomes.into_iter().map(|outcome| outcome.and_then(|()| unknown())).collect()
        }
    }
}

/// Reads until no caller is left.
pub(super) fn read(mut connection: Connection, calls: &Calls, health: &Health) {
    while let Some(mut call) = calls.take(1).pop() {
        let outcome = read_one(&mut connection, call.job.as_mut());
        health.read(&outcome);
        call.answer(outcome);
    }
}

/// The result of one job.
pub(super) type JobResult = Result<(), StoreError>;

/// Runs jobs and makes their changes durable. The results can be sent afterwards.
///
/// A savepoint for each job costs a tenth of the throughput, and only a job that fails after a change needs it. So the
/// batch runs without savepoints, and runs again with them if such a job occurs.
pub(super) fn commit(connection: &mut Connection, batch: &mut [Call]) -> Vec<JobResult> {
    let outcomes = attempt(connection, batch, run_among).or_else(|_| attempt(connection, batch, run_alone));
    outcomes.unwrap_or_else(|error| {
        let error = Arc::new(error);
        batch.iter().map(|_| Err(shared(&error))).collect()
    })
}

/// Runs jobs in one transaction. An error rolls back all of them.
fn attempt(
    connection: &mut Connection,
    batch: &mut [Call],
    run_one: fn(&mut Connection, &mut Call) -> Result<JobResult, StoreError>,
) -> Result<Vec<JobResult>, StoreError> {
    run(connection, "BEGIN IMMEDIATE")?;
    let outcomes = batch.iter_mut().map(|call| run_one(connection, call)).collect::<Result<_, _>>();
    let committed = outcomes.and_then(|outcomes| run(connection, "COMMIT").map(|()| outcomes));
    if committed.is_err() {
        roll_back(connection);
    }
    committed
}

#[derive(Debug, thiserror::Error)]
#[error("a job of the batch failed after a change")]
struct BatchSpoiled;

/// Runs one job. Fails if the job failed after a change.
fn run_among(connection: &mut Connection, call: &mut Call) -> Result<JobResult, StoreError> {
    let changes = connection.total_changes();
    let verdict = run_job(connection, call)?;
    let unchanged = connection.total_changes() == changes && !connection.is_autocommit(); // a full disk rolls back all
    if matches!(verdict, Ok(true)) || unchanged { Ok(verdict.map(drop)) } else { Err(failed(BatchSpoiled)) }
}

/// Runs one job in a savepoint, so that its failure does not affect the others.
fn run_alone(connection: &mut Connection, call: &mut Call) -> Result<JobResult, StoreError> {
    run(connection, "SAVEPOINT job")?;
    let verdict = run_job(connection, call)?;
    if !matches!(verdict, Ok(true)) {
        run(connection, "ROLLBACK TO job")?; // fails if SQLite has rolled back the whole batch by itself
    }
    run(connection, "RELEASE job")?;
    Ok(verdict.map(drop))
}

/// Runs a job of the connection that writes. The outer error is that of the connection.
fn run_job(connection: &mut Connection, call: &mut Call) -> Result<Result<bool, StoreError>, StoreError> {
    if call.is_probe {
        return Ok(probe(connection).map(|()| true).map_err(of_sqlite));
    }
    if call.access == Access::Write {
        return Ok(poll(connection, call.job.as_mut()));
    }
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    let verdict = poll(connection, call.job.as_mut());
    connection.pragma_update(None, "query_only", false).map_err(failed)?;
    Ok(verdict)
}

/// Changes one page: a number that has no other use.
fn probe(connection: &Connection) -> rusqlite::Result<()> {
    let last: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", last.wrapping_add(1).max(0))
}

fn read_one(connection: &mut Connection, job: &mut dyn Job) -> JobResult {
    run(connection, "BEGIN")?;
    let verdict = poll(connection, job);
    roll_back(connection);
    verdict.map(drop)
}

/// Runs a job. Returns whether to commit its changes.
fn poll(connection: &mut Connection, job: &mut dyn Job) -> Result<bool, StoreError> {
    let mut queries = Queries::new(Transaction(connection));
    let keep = finish(job.run(&mut queries))?;
    queries.verdict(keep)
}

/// Runs a future that is always ready.
pub(super) fn finish<T>(future: impl Future<Output = T>) -> Result<T, StoreError> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
        Ok(Poll::Ready(output)) => Ok(output),
        Ok(Poll::Pending) => Err(failed(StatementBug::Waited)),
        Err(_) => Err(failed(StatementBug::Panicked)),
    }
}

fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = run(connection, "ROLLBACK") {
        tracing::error!(error = &error as &dyn std::error::Error, "could not roll back");
    }
}

fn run(connection: &Connection, text: &str) -> Result<(), StoreError> {
    connection.prepare_cached(text).and_then(|mut statement| statement.execute([])).map(drop).map_err(of_sqlite)
}
