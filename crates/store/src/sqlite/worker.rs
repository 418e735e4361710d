//! The threads that run jobs: one commits for all who wait, the others read.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use rusqlite::Connection;
use terra_auth_core::store::{Job, StoreError};

use super::{
    connection::Transaction,
    queue::{Call, Calls},
};
use crate::engine::{Access, Bug, Queries, failed};

/// How many jobs share one commit.
const BATCH: usize = 256;

/// Writes until nobody can ask any more, then moves everything into the main file.
pub(super) fn write(mut connection: Connection, calls: &Calls) {
    loop {
        let mut batch = calls.take(BATCH);
        if batch.is_empty() {
            break;
        }
        let outcomes = commit(&mut connection, &mut batch);
        batch.into_iter().zip(outcomes).for_each(|(call, outcome)| call.answer(outcome));
    }
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(error = &error as &dyn std::error::Error, "could not empty the write-ahead log");
    }
}

/// Reads until nobody can ask any more.
pub(super) fn read(mut connection: Connection, calls: &Calls) {
    while let Some(mut call) = calls.take(1).pop() {
        let outcome = read_one(&mut connection, call.job.as_mut());
        call.answer(outcome);
    }
}

/// Runs jobs and makes their changes durable; afterwards everybody may be answered.
pub(super) fn commit(connection: &mut Connection, batch: &mut [Call]) -> Vec<Result<(), StoreError>> {
    match run_batch(connection, batch) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            roll_back(connection);
            let error = Arc::new(error);
            batch.iter().map(|_| Err(failed(Arc::clone(&error)))).collect()
        }
    }
}

fn run_batch(connection: &mut Connection, batch: &mut [Call]) -> rusqlite::Result<Vec<Result<(), StoreError>>> {
    run(connection, "BEGIN IMMEDIATE")?;
    let outcomes = batch.iter_mut().map(|call| run_alone(connection, call)).collect::<Result<_, _>>()?;
    run(connection, "COMMIT")?;
    Ok(outcomes)
}

/// Runs one job so that its failure does not hurt its neighbours. An error is one that hurts them all.
fn run_alone(connection: &mut Connection, call: &mut Call) -> rusqlite::Result<Result<(), StoreError>> {
    let reads = call.access == Access::Read;
    run(connection, "SAVEPOINT job")?;
    if reads {
        connection.pragma_update(None, "query_only", true)?;
    }
    let verdict = run_job(connection, call.job.as_mut());
    if reads {
        connection.pragma_update(None, "query_only", false)?;
    }
    if !matches!(verdict, Ok(true)) {
        run(connection, "ROLLBACK TO job")?; // fails if SQLite has rolled back the whole batch by itself
    }
    run(connection, "RELEASE job")?;
    Ok(verdict.map(drop))
}

fn read_one(connection: &mut Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    run(connection, "BEGIN").map_err(failed)?;
    let verdict = run_job(connection, job);
    roll_back(connection);
    verdict.map(drop)
}

/// Runs a job to its end; answers whether its changes are to be kept.
fn run_job(connection: &mut Connection, job: &mut dyn Job) -> Result<bool, StoreError> {
    let mut queries = Queries::new(Transaction(connection));
    let keep = finish(job.run(&mut queries))?;
    queries.verdict(keep)
}

/// Runs a future that never waits.
pub(super) fn finish<T>(future: impl Future<Output = T>) -> Result<T, StoreError> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
        Ok(Poll::Ready(output)) => Ok(output),
        Ok(Poll::Pending) => Err(failed(Bug::Waited)),
        Err(_) => Err(failed(Bug::Panicked)),
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

fn run(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(text)?.execute([]).map(drop)
}
