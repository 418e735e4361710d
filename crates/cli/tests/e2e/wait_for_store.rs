//! A start waits for a PostgreSQL server that is not reachable yet, but not after other errors.

use std::{
    os::unix::fs::symlink,
    thread,
    time::{Duration, Instant},
};

use terra_auth_cli_testkit::{Folder, Server};
use terra_auth_testkit::Postgres;
use url::Url;

const SERVE: &str = "serve --sandbox --listen 127.0.0.1:0 --output json";

#[test]
fn a_start_waits_for_a_database_that_starts_later() {
    let (folder, database) = (Folder::new(), Postgres::start().database());
    let mut url: Url = database.url().parse().unwrap();
    let Some((_, socket)) =
        url.query_pairs().find(|(name, _)| name == "host").map(|(name, at)| (name.into_owned(), at.into_owned()))
    else {
        return; // the tests use a PostgreSQL server over TCP, which this test cannot hide
    };
    let later = folder.path("later");
    url.query_pairs_mut().clear().append_pair("user", "postgres").append_pair("host", later.to_str().unwrap());
    let maker = thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        symlink(socket, later).unwrap();
    });
    let mut command = folder.command(&format!("{SERVE} --wait-for-store 60s"));
    command.env("TERRA_AUTH_STORE", url.as_str()).env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
    let began = Instant::now();
    let _server = Server::start(&mut command);
    assert!(began.elapsed() >= Duration::from_secs(1));
    maker.join().unwrap();
}

#[test]
fn the_wait_is_limited_and_names_the_reason() {
    let folder = Folder::new();
    let run = |wait: &str, variable: Option<&str>| {
        let mut command = folder.command(&format!("serve --sandbox --listen 127.0.0.1:0 {wait}"));
        command.env("TERRA_AUTH_STORE", "postgres://terra@127.0.0.1:1/terra?sslmode=disable");
        command
            .env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32))
            .envs(variable.map(|it| ("TERRA_AUTH_WAIT_FOR_STORE", it)));
        let began = Instant::now();
        (terra_auth_cli_testkit::CommandOutput::of(&mut command), began.elapsed())
    };
    let (answer, took) = run("--wait-for-store 2s", Some("0s"));
    assert!(answer.code == 1 && answer.stderr.contains("waiting up to"), "{answer}");
    assert!(answer.stderr.contains("refused") && took >= Duration::from_secs(1), "{answer}");
    let (answer, _) = run("", Some("0s"));
    assert!(answer.code == 1 && !answer.stderr.contains("waiting"), "{answer}");
    let (answer, _) = run("", Some("soon"));
    assert!(answer.code == 2 && answer.stderr.contains("TERRA_AUTH_WAIT_FOR_STORE"), "{answer}");
}

#[test]
fn a_login_that_the_database_rejects_is_not_retried() {
    let (folder, database) = (Folder::new(), Postgres::start().database());
    let url = database.url().replace("user=postgres", "user=unknown-not-a-role");
    let mut command = folder.command(&format!("{SERVE} --wait-for-store 10m"));
    command.env("TERRA_AUTH_STORE", url).env("TERRA_AUTH_MASTER_KEY", "ab".repeat(32));
    let answer = terra_auth_cli_testkit::CommandOutput::of(&mut command);
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains("does not exist"), "{answer}");
}
