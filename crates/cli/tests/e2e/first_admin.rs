//! How the operator gets the first admin token.

use std::{fs, os::unix::fs::PermissionsExt as _};

use http::Method;
use rustix::process::Signal;
use terra_auth_cli_testkit::{Folder, Server, http::send, until};

const FILE: &str = ".terra-auth/admin-token";

/// The status of an owner's request with this token.
async fn status(server: &Server, token: &str) -> u16 {
    let (url, bearer) = (format!("{}/api/v3/admin/tokens", server.origin()), format!("Bearer {}", token.trim()));
    let reply = send(Method::GET, &url, &[("authorization", &bearer)], String::new()).await.unwrap();
    reply.status.as_u16()
}

#[tokio::test]
async fn dev_stores_an_owners_token_that_only_its_user_can_read() {
    let folder = Folder::new();
    let server = folder.dev("");
    let token = folder.read(FILE);
    assert_eq!(server.ready["admin_token"], FILE);
    assert_eq!(fs::metadata(folder.path(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(status(&server, &token).await, 200);
    assert!(!server.stdout().contains(token.trim()) && !server.stderr().contains(token.trim()));
    server.stop(Signal::INT);

    let server = folder.dev("");
    assert_eq!(folder.read(FILE), token);
    assert_eq!(status(&server, &token).await, 200);
}

#[tokio::test]
async fn dev_replaces_a_token_that_was_lost_or_belongs_to_another_server() {
    let folder = Folder::new();
    folder.dev("").kill();
    let lost = folder.read(FILE);
    for damage in [None, Some("test-key-not-a-secret\n")] {
        fs::remove_file(folder.path(FILE)).unwrap();
        if let Some(text) = damage {
            folder.write(FILE, text);
        }
        let server = folder.dev("");
        assert_ne!(folder.read(FILE), lost);
        assert_eq!(status(&server, &folder.read(FILE)).await, 200, "{damage:?}");
        server.stop(Signal::INT);
    }
}

#[test]
fn dev_in_memory_stores_an_admin_token_while_it_runs() {
    let folder = Folder::new();
    let server = folder.dev("--in-memory");
    assert_eq!(server.ready["admin_token"], ".terra-auth/admin-token");
    assert!(folder.path(".terra-auth/admin-token").exists());
    assert_eq!(server.stop(Signal::INT).code, Some(0));
    assert!(!folder.path(".terra-auth").exists());
}

#[tokio::test]
async fn serve_shows_the_first_admin_token_once() {
    let folder = Folder::new();
    let serve = || Server::start(&mut folder.command("serve --sandbox --listen 127.0.0.1:0 --output json"));
    let server = serve();
    let shown = until("the token is shown", || {
        let stderr = server.stderr();
        let (_, rest) = stderr.split_once("shown only once: ")?;
        rest.split_once(';').map(|(token, _)| token.to_owned())
    });
    assert!(shown.starts_with("ta_admin_"), "{shown}");
    assert_eq!(status(&server, &shown).await, 200);
    assert!(!server.stdout().contains(&shown));
    server.stop(Signal::TERM);

    let server = serve();
    assert_eq!(status(&server, &shown).await, 200);
    until("the server has warned", || server.stderr().contains("the server has no environment").then_some(()));
    assert!(!server.stderr().contains("ta_admin_"), "{}", server.stderr());
}
