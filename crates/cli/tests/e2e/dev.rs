//! `terra-auth dev` from the user's side.

use std::{fs, net::TcpListener, path::PathBuf, time::Duration};

use futures_util::TryStreamExt as _;
use rustix::process::Signal;
use terra_auth::Environment;
use terra_auth_cli_testkit::{CommandOutput, Folder, Receiver, Server, until};

const FILE: &str = ".env.terra.testing";

#[tokio::test]
async fn the_second_start_has_the_same_keys_and_users() {
    let folder = Folder::new();
    let first = folder.dev("");
    let user = folder.connect("FITBIT", "alice");
    let before = folder.credentials(Environment::Testing);
    assert_eq!(first.stop(Signal::INT).code, Some(0));

    let second = folder.dev("");
    let after = folder.credentials(Environment::Testing);
    assert_eq!(second.ready["dev_id"], before.dev_id.as_str());
    assert_eq!(after.api_key.expose(), before.api_key.expose());
    assert_eq!(after.signing_secret.unwrap().expose(), before.signing_secret.unwrap().expose());
    assert_eq!(after.api_url.as_str(), format!("{}/v2", second.origin()));
    let users: Vec<_> = folder.client().subscriptions().try_collect().await.unwrap();
    assert_eq!(users.iter().map(|user| user.user_id).collect::<Vec<_>>(), [user]);
}

#[test]
fn the_ready_line_contains_the_urls_and_keys_that_a_script_needs() {
    let folder = Folder::new();
    let server = folder.dev("");
    let origin = server.origin();
    assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
    assert_eq!(server.ready["api_url"], format!("{origin}/v2"));
    assert_eq!(server.ready["docs_url"], format!("{origin}/docs"));
    assert_eq!(server.ready["dev_id"], folder.key("TERRA_DEV_ID"));
    assert_eq!(shown_path(&folder, &server), folder.path(FILE).canonicalize().unwrap());
}

/// The path of the credential file in the server's output.
fn shown_path(folder: &Folder, server: &Server) -> PathBuf {
    folder.path(server.ready["credentials"].as_str().unwrap()).canonicalize().unwrap()
}

#[test]
fn each_event_is_shown_on_its_own_line_with_its_body() {
    let folder = Folder::new();
    let server = folder.dev("");
    let user = folder.connect("FITBIT", "alice");
    let event = until("the event is shown", || server.events().into_iter().next());
    assert_eq!((&event["type"], &event["result"]), (&"auth".into(), &"no destination".into()));
    assert_eq!(event["payload"]["user"]["user_id"], user.to_string());
    let line = server.stdout().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), event);
}

#[test]
fn events_are_posted_to_the_last_given_destination() {
    let (first, second) = (Receiver::start(), Receiver::start());
    let folder = Folder::new();
    folder.dev(&format!("--forward-to {}", first.url)).kill();
    let server = folder.dev(&format!("--forward-to {}", second.url));
    folder.connect("FITBIT", "alice");
    second.wait_for(1);
    assert_eq!(server.stop(Signal::INT).code, Some(0));
    let server = folder.dev("--no-forward");
    folder.connect("FITBIT", "bob");
    until("the event is shown", || server.events().into_iter().find(|event| event["result"] == "no destination"));
    assert_eq!((first.received().len(), second.received().len()), (0, 1));
}

#[test]
fn a_credential_file_that_dev_did_not_write_is_never_changed() {
    let folder = Folder::new();
    let theirs = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
    folder.write(FILE, theirs);
    for _ in 0..2 {
        let server = folder.dev("");
        assert_eq!(folder.read(FILE), theirs);
        assert_eq!(shown_path(&folder, &server), folder.path(".terra-auth").join(FILE).canonicalize().unwrap());
        until("the warning is shown", || server.stderr().contains("was not written by `dev`").then_some(()));
    }
}

#[test]
fn a_deleted_credential_file_gets_a_new_key_for_the_same_environment() {
    let folder = Folder::new();
    let dev_id = folder.dev("").ready["dev_id"].clone();
    let lost = folder.key("TERRA_API_KEY");
    fs::remove_file(folder.path(FILE)).unwrap();
    let server = folder.dev("");
    assert_eq!(server.ready["dev_id"], dev_id);
    assert_ne!(folder.key("TERRA_API_KEY"), lost);
    assert_eq!(folder.run("verify-connection").code, 0);
}

#[test]
fn a_port_in_use_is_reported_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let answer = Folder::new().run(&format!("dev --listen {address}"));
    assert_eq!((answer.code, &*answer.stdout), (1, ""), "{answer}");
    assert!(answer.stderr.starts_with(&format!("error: cannot listen on {address}: ")), "{answer}");
    assert!(answer.stderr.contains("next: ") && answer.stderr.contains("--listen 127.0.0.1:0"), "{answer}");
}

#[test]
fn a_port_used_by_another_terra_auth_is_reported_as_such() {
    let (folder, other) = (Folder::new(), Folder::new());
    let first = folder.dev("");
    let address = first.origin().replace("http://", "");
    let answer = other.run(&format!("dev --listen {address}"));
    assert!(answer.code == 1 && answer.stderr.contains("stop the other terra-auth that listens there"), "{answer}");
}

#[test]
fn only_one_server_can_use_a_data_directory() {
    let folder = Folder::new();
    let _first = folder.dev("");
    let answer = folder.run("dev --listen 127.0.0.1:0");
    assert_eq!((answer.code, &*answer.stdout), (1, ""), "{answer}");
    assert!(answer.stderr.contains("another terra-auth uses this store: "), "{answer}");
    assert_eq!(folder.run("verify-connection").code, 0);
}

#[test]
fn an_address_that_is_not_loopback_is_rejected() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let folder = Folder::new();
        let answer = folder.run(&format!("dev --listen {address}"));
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{answer}");
        assert!(answer.stderr.contains("dev listens on loopback only"), "{answer}");
        assert!(answer.stderr.contains("terra-auth serve"), "{answer}");
        assert!(!folder.path(".terra-auth").exists());
    }
}

#[test]
fn a_signal_stops_dev_cleanly_within_two_seconds() {
    for signal in [Signal::INT, Signal::TERM] {
        let receiver = Receiver::start();
        let folder = Folder::new();
        let server = folder.dev(&format!("--forward-to {}", receiver.url));
        folder.connect("FITBIT", "alice");
        receiver.wait_for(1);
        let ended = server.stop(signal);
        assert_eq!(ended.code, Some(0), "{signal:?}");
        assert!(ended.took < Duration::from_secs(2), "{signal:?}: {:?}", ended.took);
    }
}

#[test]
fn in_memory_stores_nothing_and_leaves_no_data_behind() {
    let folder = Folder::new();
    let first = folder.dev("--in-memory");
    folder.connect("FITBIT", "alice");
    assert_eq!(folder.json("users list").as_array().unwrap().len(), 1);
    assert_eq!(first.stop(Signal::INT).code, Some(0));
    assert!(!folder.path(".terra-auth").exists());

    let _second = folder.dev("--in-memory");
    assert_eq!(folder.json("users list"), serde_json::json!([]));
}

#[test]
fn all_data_is_stored_in_the_given_data_directory() {
    let folder = Folder::new();
    let server = folder.dev("--data-dir data/here");
    folder.connect("FITBIT", "alice");
    assert_eq!(server.stop(Signal::TERM).code, Some(0));
    assert!(folder.path("data/here/master.key").exists() && !folder.path(".terra-auth").exists());
    let _server = folder.dev("--data-dir data/here");
    assert_eq!(folder.json("users list").as_array().unwrap().len(), 1);
}

#[test]
fn a_damaged_master_key_is_an_error_and_changes_nothing() {
    let folder = Folder::new();
    folder.dev("").kill();
    let before = folder.read(FILE);
    folder.write(".terra-auth/master.key", "not a key\n");
    let answer: CommandOutput = folder.run("dev --listen 127.0.0.1:0");
    assert_eq!((answer.code, &*answer.stdout), (1, ""), "{answer}");
    assert!(answer.stderr.contains("master.key contains no master key"), "{answer}");
    assert_eq!(folder.read(FILE), before);
}

#[test]
fn a_reached_user_limit_is_reported_without_the_secret_of_the_session() {
    let folder = Folder::new();
    let server = folder.dev("--user-limit 1 --name Acme");
    folder.connect("FITBIT", "alice");
    let refused = folder.run("sandbox connect --provider FITBIT --reference-id bob --account bob");
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("not connected; the widget shows: ") && !refused.stderr.contains("/session/"),
        "{refused}"
    );
    assert!(refused.stderr.contains("environments set --user-limit"), "{refused}");
    assert_eq!(folder.json("environments list")[0]["name"], "Acme");
    assert_eq!(server.stop(Signal::INT).code, Some(0));

    let _server = folder.dev("--user-limit none");
    folder.run("sandbox connect --provider FITBIT --reference-id bob --account bob");
    assert_eq!(folder.json("users list").as_array().unwrap().len(), 2);
}

#[test]
fn a_provider_with_a_real_app_is_not_the_practice_provider() {
    let folder = Folder::new();
    let _server = folder.dev("");
    folder.write("secret", "client-secret-not-a-secret\n");
    assert_eq!(folder.run("providers app set OURA --client-id acme --secret-file secret").code, 0);
    let refused = folder.run("sandbox connect --provider OURA --reference-id bob");
    assert!(refused.code != 0 && refused.stderr.contains("instead of a page of the practice provider"), "{refused}");
    assert!(refused.stderr.contains("providers app list") && !refused.stderr.contains("/session/"), "{refused}");
}

#[test]
fn a_reset_deletes_all_data_unless_a_server_uses_it() {
    let folder = Folder::new();
    let first = folder.dev("");
    folder.connect("FITBIT", "alice");
    let dev_id = folder.key("TERRA_DEV_ID");
    let refused = folder.run("dev --listen 127.0.0.1:0 --reset");
    assert!(refused.code == 1 && refused.stderr.contains("another `terra-auth dev` uses this folder"), "{refused}");
    assert_eq!(first.stop(Signal::INT).code, Some(0));

    let _second = folder.dev("--reset");
    assert_ne!(folder.key("TERRA_DEV_ID"), dev_id);
    assert_eq!(folder.json("users list"), serde_json::json!([]));
    assert_eq!(folder.json("keys list").as_array().unwrap().len(), 1);
}

#[test]
fn admin_commands_work_with_a_server_in_memory() {
    let folder = Folder::new();
    let _server = folder.dev("--in-memory");
    assert_eq!(folder.json("keys list").as_array().unwrap().len(), 1);
    assert_eq!(folder.run("environments set --user-limit none").code, 0);
}
