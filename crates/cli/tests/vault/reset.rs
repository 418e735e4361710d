//! Reset of the vault after the master key was lost.

use std::{net::TcpStream, process::Stdio, thread, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth_cli_testkit::until;

use crate::support::{KEY, Site};

fn dev_id(site: &Site, environment: &str) -> Value {
    let all = site.json("environments list");
    all.as_array().unwrap().iter().find(|one| one["environment"] == environment).unwrap()["dev_id"].clone()
}

/// The connection of an end user, which must exist.
fn user(site: &Site, reference_id: &str) -> Value {
    site.json("users list")
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["reference_id"] == reference_id)
        .unwrap()
        .clone()
}

/// Kills a reset while it waits for the other nodes to notice it.
fn kill_a_reset(site: &Site) {
    let mut reset = site.command("vault reset --yes");
    let mut reset = reset.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(1500));
    reset.kill().unwrap();
    assert!(!reset.wait().unwrap().success());
}

/// Asserts the report about a connection that is deleted before its end user has connected again.
fn assert_lost_grant_is_reported(site: &Site) {
    let first = site.json("users list --env production --limit 1")[0]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(site.run(&format!("deauthenticate-user {first} --env production --yes")).code, 0);
    until("the report is there", || {
        let reports = site.json("connections revocations --env production");
        let report = reports.as_array().unwrap().iter().find(|report| report["user_id"] == first)?.clone();
        (report["outcome"] == "impossible" && report["reason"] == "tokens_unreadable").then_some(())
    });
}

fn everything_except_secrets_survives_a_lost_master_key(site: &Site) {
    let server = site.first_start();
    site.keep_user_ids(&server);
    let before = site.folder.connect("FITBIT", "alice");
    site.import(300);
    let dev_ids = ["production", "testing"].map(|environment| dev_id(site, environment));
    server.stop(Signal::TERM);
    site.keys("2");
    assert!(site.run(&site.serving()).stderr.contains("`terra-auth vault reset`"));
    let unsure = site.run("vault reset");
    assert_eq!(unsure.code, 7, "{unsure}");

    kill_a_reset(site);
    let refused = site.run(&site.serving());
    assert!(refused.code == 1 && refused.stderr.contains("has not finished"), "{refused}");
    let done = site.json("vault reset --yes");
    assert_eq!(done["forgotten"], json!({ "values": 303, "connections": 301, "revocations": 0 }));
    let mut renewed = done["signing_secrets"].as_array().unwrap().clone();
    renewed.sort_by_key(ToString::to_string);
    assert_eq!((renewed, done["next"].as_array().unwrap().len()), (dev_ids.to_vec(), 2));
    assert_eq!(site.run("vault reset --yes").code, 1, "a second reset is rejected");

    let server = site.serve();
    assert_eq!(site.run("generate-mobile-token").code, 0, "the API key works");
    assert_eq!((&user(site, "alice")["user_id"], &user(site, "alice")["active"]), (&json!(before), &json!(false)));
    let again = site.folder.connect("FITBIT", "alice");
    let now = user(site, "alice");
    assert_eq!((again, &now["user_id"], &now["active"]), (before, &json!(before), &json!(true)));
    assert_eq!(site.json("users list").as_array().unwrap().len(), 1);
    assert_eq!(site.run(&format!("deauthenticate-user {again} --yes")).code, 0);
    assert_lost_grant_is_reported(site);
    let audit = site.json("audit verify");
    assert!(audit["intact"] == true && audit["reset_at"].is_u64(), "{audit}");
    server.stop(Signal::TERM);
    assert_eq!(site.json("vault verify")["broken"], json!([]));
}

#[test]
fn everything_except_secrets_survives_a_lost_master_key_in_sqlite() {
    everything_except_secrets_survives_a_lost_master_key(&Site::sqlite());
}

#[test]
fn everything_except_secrets_survives_a_lost_master_key_in_postgres() {
    everything_except_secrets_survives_a_lost_master_key(&Site::postgres());
}

fn a_missing_or_wrong_master_key_changes_nothing(site: &Site) {
    site.first_start().stop(Signal::TERM);
    site.json("vault status"); // moves the server's write-ahead log into the file
    let before = site.bytes();
    for (key, code, said) in [
        (Some("2"), 1, "wrong master key for this store"),
        (Some("not-a-key"), 1, "contains no master key"),
        (None, 1, "could not read master.key"),
    ] {
        match key {
            Some(key) => site.folder.write(KEY, &key.repeat(64 / key.len())),
            None => std::fs::remove_file(site.folder.path(KEY)).unwrap(),
        }
        for command in [&*site.serving(), "vault verify", "vault rotate", "vault rotate --master", "vault status"] {
            let refused = site.run(command);
            assert!(refused.code == code && refused.stderr.contains(said), "{command}: {refused}");
            assert_eq!(site.bytes(), before, "{command}");
        }
    }
}

#[test]
fn a_missing_or_wrong_master_key_changes_nothing_in_sqlite() {
    a_missing_or_wrong_master_key_changes_nothing(&Site::sqlite());
}

#[test]
fn a_missing_or_wrong_master_key_changes_nothing_in_postgres() {
    a_missing_or_wrong_master_key_changes_nothing(&Site::postgres());
}

#[test]
fn a_server_with_the_lost_keys_stops_by_itself() {
    let site = Site::postgres();
    let server = site.first_start();
    site.keys("2");
    assert_eq!(site.json("vault reset --yes")["forgotten"]["values"], 2);
    let address = server.origin().replace("http://", "");
    until("the server stops by itself", || TcpStream::connect(&address).err());
    until("the server logs the reason", || {
        server.stderr().contains("stopped because the vault was reset").then_some(())
    });
    assert_eq!(server.stop(Signal::TERM).code, Some(1));
    assert_eq!(site.json("vault verify")["broken"], json!([]));
}

#[test]
fn a_reset_is_rejected_while_the_key_is_in_a_file_that_a_server_reads() {
    let site = Site::sqlite();
    site.first_start().stop(Signal::TERM);
    let before = site.json("vault verify");
    site.folder.write(".terra-auth/master.key", &site.folder.read(KEY));
    site.keys("2");
    let refused = site.run("vault reset --yes");
    assert!(refused.code == 1 && refused.stderr.contains("nothing is lost"), "{refused}");
    site.keys("1");
    assert_eq!(site.json("vault verify"), before);
    site.keys("2");
    assert_eq!(site.json("vault reset --yes --force")["forgotten"]["values"], 2);
}

#[test]
fn a_data_directory_without_a_key_gets_one() {
    let site = Site::sqlite();
    site.first_start().stop(Signal::TERM);
    let without_key_file = |arguments: &str| {
        let mut command = site.command(arguments);
        command.env_remove("TERRA_AUTH_MASTER_KEY_FILE").output().unwrap()
    };
    let key = site.folder.path(".terra-auth/master.key");
    assert_eq!((without_key_file("vault reset").status.code(), key.exists()), (Some(7), false));
    assert!(without_key_file("vault reset --yes").status.success());
    assert!(without_key_file("vault verify").status.success());
    assert_eq!(std::fs::read_to_string(key).unwrap().trim().len(), 64);
}
