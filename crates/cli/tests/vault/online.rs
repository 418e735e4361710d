//! A rotation by a server that goes on serving.

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

use crate::support::{KEY, Site, server::Server};

/// Callers of all kinds, who want to be answered all the time.
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

    /// How many calls were answered; none failed.
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

/// Kills a server as soon as it has sealed something anew, and starts it again.
fn killed_in_a_rotation(site: &Site, server: Server) -> Server {
    let asked = site.command(&format!("vault rotate --server {}", server.origin())).stderr(Stdio::null()).spawn();
    something_is_resealed(site, &server);
    server.kill();
    assert!(!asked.unwrap().wait().unwrap().success());
    site.serve()
}

#[tokio::main(flavor = "current_thread")]
async fn something_is_resealed(site: &Site, server: &Server) {
    let admin = admin(site, server);
    while admin.vault_rotation().await.unwrap().resealed == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn a_rotation_disturbs_nobody_and_outlives_a_power_cut(site: &Site) {
    let server = site.found();
    site.import(2000);
    let server = killed_in_a_rotation(site, server);
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
    server.end(Signal::TERM);
    assert_eq!(
        (site.json("vault verify")["broken"].clone(), site.json("vault status")["older_values"].clone()),
        (json!([]), json!(0))
    );
}

#[test]
fn a_rotation_in_sqlite_disturbs_nobody_and_outlives_a_power_cut() {
    a_rotation_disturbs_nobody_and_outlives_a_power_cut(&Site::sqlite());
}

#[test]
fn a_rotation_in_postgres_disturbs_nobody_and_outlives_a_power_cut() {
    a_rotation_disturbs_nobody_and_outlives_a_power_cut(&Site::postgres());
}

#[test]
fn a_server_takes_a_new_master_key_from_its_file_and_goes_on() {
    let site = Site::sqlite();
    let server = site.found();
    let rotate = format!("vault rotate --master --server {}", server.origin());
    assert_eq!(site.json(&rotate)["rewrapped"], 0, "it is the same key");
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
    server.end(Signal::TERM);
    assert_eq!(site.json("vault verify")["broken"], json!([]));
    site.keys("1");
    assert_eq!(site.run(&site.serving()).code, 1);
}

#[test]
fn other_nodes_take_the_new_master_key_when_they_need_it() {
    let site = Site::postgres();
    let first = site.found();
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
fn whoever_finds_a_server_at_work_is_told_to_ask_it() {
    let site = Site::sqlite();
    let _server = site.found();
    for command in ["vault rotate", "vault status", "vault verify", "vault reset --yes"] {
        let refused = site.run(command);
        assert!(refused.code == 1 && refused.stderr.contains("another terra-auth uses this store"), "{refused}");
        assert!(refused.stderr.contains("--server"), "{refused}");
    }
}

#[test]
fn whoever_is_no_owner_rotates_nothing() {
    let site = Site::sqlite();
    let server = site.found();
    let token = site.json("admin tokens create --name alice --role operator")["token"].as_str().unwrap().to_owned();
    site.folder.write("admin-token", &token);
    for flag in ["", "--master"] {
        assert_eq!(site.run(&format!("vault rotate {flag} --server {}", server.origin())).code, 3);
    }
    assert_eq!(rotation(&site, &server)["data_key"], 1);
}
