//! Key rotation by a running server.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth::{Client, Environment, admin::AdminClient};
use terra_auth_cli_testkit::Server;

use crate::support::{KEY, Site};

/// Callers that send requests during a rotation, none of which may fail.
struct Load {
    ends: Arc<AtomicBool>,
    callers: Vec<JoinHandle<u32>>,
}

impl Load {
    fn begin(site: &Site, server: &Server) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let credentials = site.folder.credentials(Environment::Production);
        let admin = admin(site, server);
        let callers = (0..3).map(|_| {
            let (ends, credentials, admin) = (Arc::clone(&ends), credentials.clone(), admin.clone());
            thread::spawn(move || calls(&ends, credentials, &admin))
        });
        Self { callers: callers.collect(), ends }
    }

    /// Stops the callers; returns the number of answered requests.
    fn end(self) -> u32 {
        self.ends.store(true, Ordering::Relaxed);
        self.callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn calls(ends: &AtomicBool, credentials: terra_auth::Credentials, admin: &AdminClient) -> u32 {
    let dev_id = credentials.dev_id.clone();
    let client = Client::new(credentials).unwrap();
    let mut answered = 0;
    while !ends.load(Ordering::Relaxed) {
        client.generate_mobile_token(None).await.unwrap();
        let exported: Vec<_> = admin.export_connections(&dev_id, true).try_collect().await.unwrap();
        assert!(exported.iter().all(|connection| connection.access_token.is_some()));
        answered += 2;
    }
    answered
}

fn admin(site: &Site, server: &Server) -> AdminClient {
    let token = site.folder.read("admin-token").as_str().into();
    AdminClient::new(&server.origin().parse().unwrap(), &token).unwrap()
}

fn rotation(site: &Site, server: &Server) -> Value {
    site.json(&format!("vault status --server {}", server.origin()))["rotation"].clone()
}

/// Kills a server as soon as it has re-encrypted a value, and starts it again.
fn kill_during_rotation(site: &Site, server: Server) -> Server {
    let asked = site.command(&format!("vault rotate --server {}", server.origin())).stderr(Stdio::null()).spawn();
    wait_for_reencryption(site, &server);
    server.kill();
    assert!(!asked.unwrap().wait().unwrap().success());
    site.serve()
}

#[tokio::main(flavor = "current_thread")]
async fn wait_for_reencryption(site: &Site, server: &Server) {
    let admin = admin(site, server);
    while admin.vault_rotation().await.unwrap().resealed == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn a_rotation_fails_no_request_and_survives_a_kill(site: &Site) {
    let server = site.first_start();
    site.import(2000);
    let server = kill_during_rotation(site, server);
    let left = rotation(site, &server);
    assert_eq!((&left["state"], &left["data_key"], &left["resealed"]), (&json!("unfinished"), &json!(2), &json!(0)));

    let load = Load::begin(site, &server);
    let rotate = format!("vault rotate --server {}", server.origin());
    let resumed = site.json(&rotate);
    assert!(resumed["data_key"] == 2 && resumed["resealed"].as_u64().unwrap() < 2002, "{resumed}");
    assert_eq!(site.json(&rotate), json!({ "data_key": 3, "resealed": 2002 }));
    assert!(load.end() > 20);
    let now = rotation(site, &server);
    assert_eq!((&now["state"], &now["data_key"]), (&json!("done"), &json!(3)));
    assert_eq!(site.json("audit verify")["intact"], true);
    let log = site.run("audit export").stdout;
    assert!(log.contains("vault.announce") && log.contains("vault.retire"), "{log}");
    server.stop(Signal::TERM);
    assert_eq!(
        (site.json("vault verify")["broken"].clone(), site.json("vault status")["older_values"].clone()),
        (json!([]), json!(0))
    );
}

#[test]
fn a_rotation_in_sqlite_fails_no_request_and_survives_a_kill() {
    a_rotation_fails_no_request_and_survives_a_kill(&Site::sqlite());
}

#[test]
fn a_rotation_in_postgres_fails_no_request_and_survives_a_kill() {
    a_rotation_fails_no_request_and_survives_a_kill(&Site::postgres());
}

#[test]
fn a_running_server_reads_a_new_master_key_from_its_file() {
    let site = Site::sqlite();
    let server = site.first_start();
    let rotate = format!("vault rotate --master --server {}", server.origin());
    assert_eq!(site.json(&rotate)["rewrapped"], 0, "the key has not changed");
    site.folder.write(KEY, "test-key-not-a-secret");
    let refused = site.run(&rotate);
    assert!(refused.code == 1 && refused.stderr.contains("64 hex digits"), "{refused}");
    assert!(!refused.stderr.contains("not-a-secret"), "{refused}");

    site.keys("21");
    let load = Load::begin(&site, &server);
    assert_eq!(site.json(&rotate)["rewrapped"], 2);
    site.keys("2");
    assert_eq!(site.json(&format!("vault rotate --server {}", server.origin()))["data_key"], 2);
    assert!(load.end() > 0);
    server.stop(Signal::TERM);
    assert_eq!(site.json("vault verify")["broken"], json!([]));
    site.keys("1");
    assert_eq!(site.run(&site.serving()).code, 1);
}

#[test]
fn other_nodes_take_the_new_master_key_when_they_need_it() {
    let site = Site::postgres();
    let first = site.first_start();
    site.import(100);
    let second = site.serve_on(0);
    site.keys("21");
    assert_eq!(site.json(&format!("vault rotate --master --server {}", first.origin()))["rewrapped"], 2);
    assert_eq!(site.json(&format!("vault rotate --server {}", first.origin()))["resealed"], 102);
    thread::sleep(Duration::from_secs(1));
    let load = Load::begin(&site, &second);
    thread::sleep(Duration::from_secs(1));
    assert!(load.end() > 0);
    let status = site.json(&format!("vault status --server {}", second.origin()));
    assert_eq!((status["master_keys"].as_array().unwrap().len(), &status["rotation"]["state"]), (2, &json!("done")));
}

#[test]
fn the_vault_commands_refer_to_the_running_server() {
    let site = Site::sqlite();
    let _server = site.first_start();
    for command in ["vault rotate", "vault status", "vault verify", "vault reset --yes"] {
        let refused = site.run(command);
        assert!(refused.code == 1 && refused.stderr.contains("another terra-auth uses this store"), "{refused}");
        assert!(refused.stderr.contains("--server"), "{refused}");
    }
}

#[test]
fn an_operator_who_is_not_an_owner_cannot_rotate() {
    let site = Site::sqlite();
    let server = site.first_start();
    let token = site.json("admin tokens create --name alice --role operator")["token"].as_str().unwrap().to_owned();
    site.folder.write("admin-token", &token);
    for flag in ["", "--master"] {
        assert_eq!(site.run(&format!("vault rotate {flag} --server {}", server.origin())).code, 3);
    }
    assert_eq!(rotation(&site, &server)["data_key"], 1);
}
