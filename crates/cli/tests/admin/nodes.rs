//! Two nodes of one PostgreSQL.

use std::time::{Duration, Instant};

use terra_auth_testkit::{Database, Postgres};

use crate::support::{FILE, folder::Folder, run_as, said, server::Server, until};

fn node(folder: &Folder, database: &Database, arguments: &str) -> Server {
    let mut command = folder.command(&format!("serve --sandbox --listen 127.0.0.1:0 --output json {arguments}"));
    command.env("TERRA_AUTH_STORE", database.url()).env("TERRA_AUTH_MASTER_KEY", "0".repeat(64));
    Server::start(&mut command)
}

#[test]
fn a_key_that_is_ended_at_one_node_is_refused_by_both_within_a_second() {
    let database = Postgres::start().database();
    let (here, there) = (Folder::new(), Folder::new());
    let first = node(&here, &database, "--create-environment testing");
    let second = node(&there, &database, "");
    there.write(FILE, &here.read(FILE).replace(&first.origin(), &second.origin()));
    for folder in [&here, &there] {
        said(folder, "generate-mobile-token");
    }

    let shown = first.stderr();
    let token =
        shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("ta_admin_"));
    let keys = run_as(&here, token.unwrap(), "keys list --output json");
    let keys: serde_json::Value = serde_json::from_str(&keys.stdout).unwrap();
    let key_id = keys[0]["key_id"].as_str().unwrap();
    let ended = run_as(&here, token.unwrap(), &format!("keys revoke {key_id} --now --yes"));
    let since = Instant::now();
    assert_eq!(ended.code, 0, "{ended}");
    until("both refuse the key", || {
        let begun = since.elapsed();
        let refused = [&here, &there].iter().all(|folder| folder.run("generate-mobile-token").code == 3);
        assert!(refused || begun < Duration::from_secs(1), "still let in after {begun:?}");
        refused.then_some(())
    });
    let audit = run_as(&there, token.unwrap(), "audit verify");
    assert_eq!(audit.code, 0, "{audit}");
}
