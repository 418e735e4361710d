//! Creates widget sessions for 64 callers, each durable before its caller is answered, beside the barest group commit of
//! the same row through rusqlite that answers as many callers. Beside that, for the distance to the disk itself, a thread
//! that commits 64 rows at once and has nobody to answer.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params_from_iter, types::Value};
use terra_auth_core::{
    Auth,
    admin::Admin,
    developer::{Developer, NewDeveloper},
    store::Store,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::bench;
use terra_auth_types::{Environment, wire::WidgetSessionParams};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

const BAR: Option<f64> = Some(0.70);
const CALLERS: usize = 64;
const ROUND: Duration = Duration::from_millis(250);

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(); // a temporary folder may be in memory
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let file = folder.path().join("ours.db");
    let (auth, developer) = runtime.block_on(prepare(&file));
    let create = move || {
        let (auth, developer) = (auth.clone(), developer.clone());
        async move { drop(auth.generate_widget_session(&developer, &request()).await.unwrap()) }
    };
    runtime.block_on(create());
    let ours = || round(&runtime, create.clone());

    let mut answering = Bare::beside(&file, &folder.path().join("answering.db"));
    bench::compare("session, beside a commit for all who wait", BAR, || answering.round_of_callers(&runtime), ours);
    let mut alone = Bare::beside(&file, &folder.path().join("alone.db"));
    bench::compare("session, beside a commit for nobody", None, || alone.round_alone(), ours);
}

async fn prepare(file: &Path) -> (Auth, Developer) {
    let auth = bench::auth(Store::new(Sqlite::open(file).unwrap()));
    let new = NewDeveloper { environment: Environment::Testing, name: "Acme".to_owned(), destination: None };
    let keys = auth.create_developer(&Admin::local("bench"), new).await.unwrap();
    let developer = Developer::clone(&auth.directory.developer(&keys.dev_id).unwrap());
    (auth, developer)
}

fn request() -> WidgetSessionParams {
    WidgetSessionParams {
        providers: Some("FITBIT,GARMIN".to_owned()),
        reference_id: Some("user-0123456789".to_owned()),
        auth_success_redirect_url: Some("https://acme.example/success".to_owned()),
        auth_failure_redirect_url: Some("https://acme.example/failure".to_owned()),
        ..WidgetSessionParams::default()
    }
}

/// How often per second callers do something who begin again as soon as it is done.
fn round<F>(runtime: &Runtime, action: impl Fn() -> F + Clone + Send + 'static) -> f64
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

/// Inserts one row again and again, under ids that grow as ours do.
struct Bare {
    connection: Connection,
    row: Vec<Value>,
    rows: u32,
}

impl Bare {
    /// Takes over the schema, the settings and a session of ours.
    fn beside(ours: &Path, file: &Path) -> Self {
        drop(Sqlite::open(file).unwrap());
        let connection = Connection::open(file).unwrap();
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;";
        connection.execute_batch(settings).unwrap();
        connection.execute("ATTACH ?1 AS ours", [ours.to_str().unwrap()]).unwrap();
        connection.execute_batch("INSERT INTO developer SELECT * FROM ours.developer").unwrap();
        let columns = |row: &rusqlite::Row<'_>| (0..8).map(|column| row.get(column)).collect();
        let row = connection.query_row("SELECT * FROM ours.widget_session LIMIT 1", [], columns).unwrap();
        connection.execute_batch("DETACH ours").unwrap();
        Self { connection, row, rows: 0 }
    }

    /// Rows per second, as many in each commit as there could be callers.
    fn round_alone(&mut self) -> f64 {
        let (start, before) = (Instant::now(), self.rows);
        while start.elapsed() < ROUND {
            self.commit(CALLERS);
        }
        f64::from(self.rows - before) / start.elapsed().as_secs_f64()
    }

    /// Rows per second, each acknowledged to a caller who waits for it.
    fn round_of_callers(&mut self, runtime: &Runtime) -> f64 {
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
        let mut insert =
            transaction.prepare_cached("INSERT INTO widget_session VALUES (?, ?, ?, ?, ?, ?, ?, ?)").unwrap();
        for _ in 0..rows {
            self.rows += 1;
            self.row[0] = Value::Blob(u128::from(self.rows).to_be_bytes().to_vec());
            insert.execute(params_from_iter(&self.row)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
}
