//! Backups of a running server, their verification, and restores.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::Signal;
use terra_auth::WidgetSessionRequest;
use terra_auth_cli_testkit::{Folder, Server};
use terra_auth_testkit::Postgres;

const SERVE: &str = "serve --sandbox --listen 127.0.0.1:0 --output json --create-environment testing";

fn serve(folder: &Folder) -> Server {
    Server::start(&mut folder.command(SERVE))
}

fn users(folder: &Folder) -> Vec<String> {
    let listed = folder.json("users list");
    let users = listed.as_array().or(listed["users"].as_array()).unwrap();
    users.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_verified_and_restores_the_connections() {
    let folder = Folder::new();
    let server = serve(&folder);
    let kept = folder.connect("FITBIT", "kept");
    let removed = folder.connect("GARMIN", "removed");
    let (client, stop) = (folder.client(), Arc::new(AtomicBool::new(false)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.generate_widget_session(&WidgetSessionRequest::default()).await.unwrap();
                    done += 1;
                }
                done
            })
        })
        .collect();
    let backup = folder.json("backup copy.db");
    stop.store(true, Ordering::Relaxed);
    let mut sessions = 0;
    for task in load {
        sessions += task.await.unwrap();
    }
    assert!(sessions > 0);
    assert!(backup["sealed_values"].as_u64().unwrap() >= 3, "{backup}");
    assert_eq!(fs::metadata(folder.path("copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    let key = folder.read(".terra-auth/master.key");
    let copy = fs::read(folder.path("copy.db")).unwrap();
    assert!(!copy.windows(64).any(|window| window == key.trim().as_bytes()));
    let names: Vec<_> = fs::read_dir(folder.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".terra-auth.")), "{names:?}");
    let again = folder.run("backup copy.db");
    assert!(again.code == 2 && again.stderr.contains("exists"), "{again}");

    client.deauthenticate_user(removed).await.unwrap();
    let refused = folder.run("restore copy.db --yes");
    assert!(refused.code == 1 && refused.stderr.contains("stop every server"), "{refused}");
    assert_eq!(users(&folder), [kept.to_string()]);
    server.stop(Signal::TERM);

    let restored = folder.json("restore copy.db --yes");
    assert_eq!(restored["connections"], 2, "{restored}");
    assert!(folder.path(restored["replaced"].as_str().unwrap()).exists());
    assert!(restored["consequences"].as_array().unwrap().len() > 3);
    let server = serve(&folder);
    let mut back = users(&folder);
    back.sort();
    let mut both = vec![kept.to_string(), removed.to_string()];
    both.sort();
    assert_eq!(back, both);
    server.stop(Signal::TERM);
    folder.json("admin tokens create --offline --name alice --role owner");
    let verified = folder.run("vault verify");
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn a_restore_from_an_unusable_backup_changes_nothing() {
    let folder = Folder::new();
    serve(&folder).stop(Signal::TERM);
    assert_eq!(folder.run("backup copy.db").code, 0);
    let before = fs::read(folder.path(".terra-auth/terra-auth.db")).unwrap();
    let mut broken = fs::read(folder.path("copy.db")).unwrap();
    broken.iter_mut().skip(4096).step_by(61).for_each(|byte| *byte ^= 0xff);
    fs::write(folder.path("broken.db"), broken).unwrap();
    folder.write("letter.db", "dear reader");
    for file in ["broken.db", "letter.db", "missing.db"] {
        let answer = folder.run(&format!("restore {file} --yes"));
        assert_eq!(answer.code, 1, "{file}: {answer}");
    }
    fs::rename(folder.path(".terra-auth/master.key"), folder.path("key")).unwrap();
    folder.write(".terra-auth/master.key", &"cd".repeat(32));
    let answer = folder.run("restore copy.db --yes");
    assert!(answer.code == 1 && answer.stderr.contains("wrong master key for this store"), "{answer}");
    assert_eq!(fs::read(folder.path(".terra-auth/terra-auth.db")).unwrap(), before);
}

#[test]
fn a_missing_store_is_restored() {
    let folder = Folder::new();
    serve(&folder).stop(Signal::TERM);
    assert_eq!(folder.run("backup copy.db").code, 0);
    for ending in ["", "-wal", "-shm"] {
        drop(fs::remove_file(folder.path(&format!(".terra-auth/terra-auth.db{ending}"))));
    }
    let restored = folder.json("restore copy.db --yes");
    assert!(restored["replaced"].is_null(), "{restored}");
    serve(&folder).stop(Signal::TERM);
}

/// The procedure in docs/backup.md for PostgreSQL.
#[test]
fn a_dump_of_postgres_is_restored_into_another_database() {
    let (folder, from, to) = (Folder::new(), Postgres::start().database(), Postgres::start().database());
    let serve_at = |url: &str| {
        let mut command = folder.command(SERVE);
        command.env("TERRA_AUTH_STORE", url).env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
        Server::start(&mut command)
    };
    let server = serve_at(&from.url());
    folder.connect("FITBIT", "kept");
    let before = users(&folder);
    from.dump_to(&folder.path("store.dump"));
    server.stop(Signal::TERM);
    to.restore_from(&folder.path("store.dump"));
    let server = serve_at(&to.url());
    assert_eq!(users(&folder), before);
    let refused = folder.run(&format!("backup copy.db --store {}", to.url()));
    assert!(refused.code == 2 && refused.stderr.contains("pg_dump"), "{refused}");
    server.stop(Signal::TERM);
}
