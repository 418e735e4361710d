//! A server and its operator's folder, both shared with the other end-to-end tests.

use std::{net::TcpListener, thread};

use axum::Router;
use terra_auth_cli_testkit::{CommandOutput, Folder, Server};

pub(crate) const FILE: &str = ".env.terra.testing";

/// Starts `dev`: a server with a testing environment, and an owner's token in the file that commands read.
pub(crate) fn dev() -> (Folder, Server) {
    let folder = Folder::new();
    let server = folder.dev("");
    (folder, server)
}

/// Runs a command with the admin token `token`.
pub(crate) fn run_as(folder: &Folder, token: &str, arguments: &str) -> CommandOutput {
    CommandOutput::of(folder.command(arguments).env("TERRA_AUTH_ADMIN_TOKEN", token))
}

/// The standard output of a command, which must succeed.
pub(crate) fn stdout_of(folder: &Folder, arguments: &str) -> String {
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
