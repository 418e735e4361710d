//! Several nodes on one PostgreSQL database.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use terra_auth_cli_testkit::{Folder, Server, until, value_in};
use terra_auth_testkit::{Database, Postgres};

use crate::support::{FILE, run_as, stdout_of};

fn node(folder: &Folder, database: &Database, arguments: &str) -> Server {
    let mut command = folder.command(&format!("serve --sandbox --listen 127.0.0.1:0 --output json {arguments}"));
    command.env("TERRA_AUTH_STORE", database.url()).env("TERRA_AUTH_MASTER_KEY", "0".repeat(64));
    Server::start(&mut command)
}

#[test]
fn a_key_that_is_revoked_at_one_node_is_rejected_by_both_within_a_second() {
    let database = Postgres::start().database();
    let (here, there) = (Folder::new(), Folder::new());
    let first = node(&here, &database, "--create-environment testing");
    let second = node(&there, &database, "");
    there.write_trusted(FILE, &here.read(FILE).replace(&first.origin(), &second.origin()));
    for folder in [&here, &there] {
        stdout_of(folder, "generate-mobile-token");
    }

    let shown = first.stderr();
    let token =
        shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("ta_admin_"));
    let keys = run_as(&here, token.unwrap(), "keys list --output json");
    let keys: serde_json::Value = serde_json::from_str(&keys.stdout).unwrap();
    let key_id = keys[0]["key_id"].as_str().unwrap();
    let revoked = run_as(&here, token.unwrap(), &format!("keys revoke {key_id} --now --yes"));
    let since = Instant::now();
    assert_eq!(revoked.code, 0, "{revoked}");
    until("both nodes reject the key", || {
        let elapsed = since.elapsed();
        let rejected = [&here, &there].iter().all(|folder| folder.run("generate-mobile-token").code == 3);
        assert!(rejected || elapsed < Duration::from_secs(1), "still accepted after {elapsed:?}");
        rejected.then_some(())
    });
    let audit = run_as(&there, token.unwrap(), "audit verify");
    assert_eq!(audit.code, 0, "{audit}");
}

#[test]
fn three_nodes_that_start_at_once_on_an_empty_database_serve_one_environment() {
    let database = Postgres::start().database();
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let nodes: Vec<_> = thread::scope(|scope| {
        let database = &database;
        let start = |folder| scope.spawn(move || node(folder, database, "--create-environment production"));
        let starting: Vec<_> = folders.iter().map(start).collect();
        starting.into_iter().map(|node| node.join().unwrap()).collect()
    });
    let file = ".env.terra.production";
    let dev_ids: Vec<_> = folders.iter().map(|folder| value_in(&folder.path(file), "TERRA_DEV_ID")).collect();
    assert!(dev_ids.iter().all(|dev_id| *dev_id == dev_ids[0]), "{dev_ids:?}");
    for folder in &folders {
        stdout_of(folder, "generate-mobile-token --env production");
    }
    let tokens = nodes.iter().filter(|node| node.stderr().contains("ta_admin_")).count();
    assert_eq!(tokens, 1);
}

/// Sends a request that needs a key, without waiting for the response.
fn mint(node: &Server, folder: &Folder) -> TcpStream {
    let origin = node.origin();
    let host = origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let (dev_id, key) = (folder.key("TERRA_DEV_ID"), folder.key("TERRA_API_KEY"));
    let head = format!("POST /v2/auth/tokens HTTP/1.1\r\nhost: {host}\r\ndev-id: {dev_id}\r\nx-api-key: {key}\r\n");
    stream.write_all(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    stream
}

fn status(mut stream: TcpStream) -> u16 {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {text}"))
}

#[test]
fn a_node_that_was_paused_rejects_a_key_revoked_during_the_pause() {
    let database = Postgres::start().database();
    let (here, there) = (Folder::new(), Folder::new());
    let first = node(&here, &database, "--create-environment testing");
    let second = node(&there, &database, "");
    until("the second node knows the key", || (status(mint(&second, &here)) == 200).then_some(()));
    let shown = first.stderr();
    let token =
        shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("ta_admin_"));
    let keys = run_as(&here, token.unwrap(), "keys list --output json");
    let keys: serde_json::Value = serde_json::from_str(&keys.stdout).unwrap();

    second.signal(Signal::STOP);
    let key_id = keys[0]["key_id"].as_str().unwrap();
    assert_eq!(run_as(&here, token.unwrap(), &format!("keys revoke {key_id} --now --yes")).code, 0);
    thread::sleep(Duration::from_secs(3));
    let waiting: Vec<_> = (0..20).map(|_| mint(&second, &here)).collect();
    second.signal(Signal::CONT);
    let statuses: Vec<_> = waiting.into_iter().map(status).collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    until("the second node has read the store", || (status(mint(&second, &here)) == 401).then_some(()));
}
