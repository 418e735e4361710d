//! Creates widget sessions for 64 callers, each durable before its caller is answered, beside the fastest group commit
//! of the same row through rusqlite: one thread that inserts 64 rows and commits, with nobody to answer.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

use std::{
    path::Path,
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
use tokio::{runtime::Builder, task::JoinSet};

const BAR: f64 = 0.70;
const CALLERS: usize = 64;
const ROUND: Duration = Duration::from_secs(1);

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(); // a temporary folder may be in memory
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let file = folder.path().join("ours.db");
    let (auth, developer) = runtime.block_on(prepare(&file));
    runtime.block_on(auth.generate_widget_session(&developer, &request())).unwrap();
    let mut bare = Bare::beside(&file, &folder.path().join("bare.db"));
    let ours = || runtime.block_on(round(&auth, &developer));
    bench::compare("session", BAR, || bare.round(), ours);
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

/// Sessions per second.
async fn round(auth: &Auth, developer: &Developer) -> f64 {
    let start = Instant::now();
    let callers: JoinSet<u32> = (0..CALLERS).map(|_| call(auth.clone(), developer.clone(), start + ROUND)).collect();
    let sessions: u32 = callers.join_all().await.into_iter().sum();
    f64::from(sessions) / start.elapsed().as_secs_f64()
}

async fn call(auth: Auth, developer: Developer, end: Instant) -> u32 {
    let mut sessions = 0;
    while Instant::now() < end {
        auth.generate_widget_session(&developer, &request()).await.unwrap();
        sessions += 1;
    }
    sessions
}

/// Inserts one row again and again, under ids that grow as ours do.
struct Bare {
    connection: Connection,
    row: Vec<Value>,
    rows: u128,
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
        let row = connection.query_row("SELECT * FROM ours.widget_session", [], columns).unwrap();
        connection.execute_batch("DETACH ours").unwrap();
        Self { connection, row, rows: 0 }
    }

    /// Rows per second.
    fn round(&mut self) -> f64 {
        let (start, before) = (Instant::now(), self.rows);
        while start.elapsed() < ROUND {
            self.commit();
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let rows = (self.rows - before) as f64;
        rows / start.elapsed().as_secs_f64()
    }

    fn commit(&mut self) {
        let transaction = self.connection.transaction().unwrap();
        let mut insert =
            transaction.prepare_cached("INSERT INTO widget_session VALUES (?, ?, ?, ?, ?, ?, ?, ?)").unwrap();
        for _ in 0..CALLERS {
            self.rows += 1;
            self.row[0] = Value::Blob(self.rows.to_be_bytes().to_vec());
            insert.execute(params_from_iter(&self.row)).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
}
