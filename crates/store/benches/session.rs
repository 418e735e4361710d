//! Creates widget sessions for 64 callers, each durable before its caller is answered, beside the barest group commit of
//! the same row through rusqlite that answers as many callers. Beside that, for the distance to the disk itself, a thread
//! that commits 64 rows at once and has nobody to answer.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

mod bare;

use std::path::Path;

use rusqlite::types::Value;
use terra_auth_core::{Auth, admin::action::Admin, developer::NewDeveloper};
use terra_auth_model::{developer::Developer, store::Store};
use terra_auth_store::Sqlite;
use terra_auth_testkit::bench;
use terra_auth_types::{Environment, wire::WidgetSessionParams};
use tokio::runtime::Builder;

use bare::{Bare, round};

const BAR: Option<f64> = Some(0.70);

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

    let bare = |name| {
        let developers = "INSERT INTO developer SELECT * FROM ours.developer";
        let id: bare::Id = |number| Value::Blob(u128::from(number).to_be_bytes().to_vec());
        Bare::beside(&file, &folder.path().join(name), "widget_session", developers, &[("session_id", id)])
    };
    let mut answering = bare("answering.db");
    bench::compare("session, beside a commit for all who wait", BAR, || answering.round_of_callers(&runtime), ours);
    let mut alone = bare("alone.db");
    bench::compare("session, beside a commit for nobody", None, || alone.round_alone(), ours);
}

async fn prepare(file: &Path) -> (Auth, Developer) {
    let auth = terra_auth_testkit::auth(Store::new(Sqlite::open(file).unwrap()));
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let keys = auth.create_developer(&Admin::local("bench"), new).await.unwrap();
    let developer = Developer::clone(&auth.directory().developer(&keys.dev_id).unwrap());
    (auth, developer)
}

fn request() -> WidgetSessionParams {
    WidgetSessionParams {
        providers: Some("FITBIT,GARMIN".to_owned().into()),
        reference_id: Some("user-0123456789".to_owned()),
        auth_success_redirect_url: Some("https://acme.example/success".to_owned()),
        auth_failure_redirect_url: Some("https://acme.example/failure".to_owned()),
        ..WidgetSessionParams::default()
    }
}
