//! A server with its operator's folder; the folder and the server are those of the other end-to-end tests.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use axum::Router;

use self::{
    folder::{Answer, Folder},
    server::Server,
};

#[path = "../e2e/support/folder.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod folder;
#[path = "../e2e/support/server.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod server;

pub(crate) const FILE: &str = ".env.terra.testing";

/// A server as `dev` runs it: with a testing environment, and an owner's token where commands find it.
pub(crate) fn dev() -> (Folder, Server) {
    let folder = Folder::new();
    let server = folder.dev("");
    (folder, server)
}

/// Runs a command with the admin token `token`.
pub(crate) fn run_as(folder: &Folder, token: &str, arguments: &str) -> Answer {
    Answer::of(folder.command(arguments).env("TERRA_AUTH_ADMIN_TOKEN", token))
}

/// What a command that must work wrote to standard output.
pub(crate) fn said(folder: &Folder, arguments: &str) -> String {
    let answer = folder.run(arguments);
    assert_eq!(answer.code, 0, "{arguments}: {answer}");
    answer.stdout
}

/// Starts a scripted API; returns its address.
pub(crate) fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await })
    });
    url
}

/// Asks until there is an answer, for half a minute.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(20));
    }
}
