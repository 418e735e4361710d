//! The barest group commit of one row of ours through rusqlite: what there is to reach.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params_from_iter, types::Value};
use terra_auth_store::Sqlite;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

pub(crate) const CALLERS: usize = 64;
const ROUND: Duration = Duration::from_millis(250);

/// Inserts one row of ours again and again, under other ids.
pub(crate) struct Bare {
    connection: Connection,
    insert: String,
    row: Vec<Value>,
    /// Where in a row its ids are.
    ids: Vec<(usize, Id)>,
    rows: u32,
}

/// The id of the row with a number.
pub(crate) type Id = fn(u32) -> Value;

impl Bare {
    /// Takes over the schema, the settings and a row of ours, after `prepare` has fetched what the row refers to from the
    /// database `ours`.
    pub(crate) fn beside(ours: &Path, file: &Path, table: &str, prepare: &str, ids: &[(&str, Id)]) -> Self {
        drop(Sqlite::open(file).unwrap());
        let connection = Connection::open(file).unwrap();
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;";
        connection.execute_batch(settings).unwrap();
        connection.execute("ATTACH ?1 AS ours", [ours.to_str().unwrap()]).unwrap();
        connection.execute_batch(prepare).unwrap();
        let (ids, row) = {
            let mut select = connection.prepare(&format!("SELECT * FROM ours.{table} LIMIT 1")).unwrap();
            let ids = ids.iter().map(|(column, id)| (select.column_index(column).unwrap(), *id)).collect();
            let columns = 0..select.column_count();
            let row = select.query_row([], |row| columns.map(|column| row.get(column)).collect());
            (ids, row.unwrap())
        };
        connection.execute_batch("DETACH ours").unwrap();
        let insert = format!("INSERT INTO {table} VALUES ({})", vec!["?"; Vec::len(&row)].join(", "));
        Self { connection, insert, row, ids, rows: 0 }
    }

    /// Rows per second, as many in each commit as there could be callers.
    pub(crate) fn round_alone(&mut self) -> f64 {
        let (start, before) = (Instant::now(), self.rows);
        while start.elapsed() < ROUND {
            self.commit(CALLERS);
        }
        f64::from(self.rows - before) / start.elapsed().as_secs_f64()
    }

    /// Rows per second, each acknowledged to a caller who waits for it.
    pub(crate) fn round_of_callers(&mut self, runtime: &Runtime) -> f64 {
        let (queue, mut calls) = mpsc::channel::<oneshot::Sender<()>>(CALLERS);
        let ask = move || {
            let queue = queue.clone();
            async move {
                let (reply, answer) = oneshot::channel();
                queue.send(reply).await.unwrap();
                answer.await.unwrap();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut waiting = Vec::new();
                while calls.blocking_recv_many(&mut waiting, CALLERS) > 0 {
                    self.commit(waiting.len());
                    waiting.drain(..).for_each(|reply| reply.send(()).unwrap());
                }
            });
            round(runtime, ask)
        })
    }

    fn commit(&mut self, rows: usize) {
        let transaction = self.connection.transaction().unwrap();
        let mut insert = transaction.prepare_cached(&self.insert).unwrap();
        for _ in 0..rows {
            self.rows += 1;
            self.ids.iter().for_each(|(column, id)| self.row[*column] = id(self.rows));
            insert.execute(params_from_iter(&self.row)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
}

/// How often per second callers do something who begin again as soon as it is done.
pub(crate) fn round<F>(runtime: &Runtime, action: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let callers = (0..CALLERS).map(|_| repeat(action.clone(), start + ROUND));
    let done: u32 = runtime.block_on(async { callers.collect::<JoinSet<_>>().join_all().await }).into_iter().sum();
    f64::from(done) / start.elapsed().as_secs_f64()
}

async fn repeat<F: Future<Output = ()>>(action: impl Fn() -> F, end: Instant) -> u32 {
    let mut done = 0;
    while Instant::now() < end {
        action().await;
        done += 1;
    }
    done
}
