//! `--dry-run` reports what a command would do, without doing it.

use serde_json::{Value, json};

use crate::support::dev;

#[test]
fn a_dry_run_of_each_command_changes_nothing() {
    let (folder, server) = dev();
    let user = folder.connect("FITBIT", "alice");
    folder.write("secret", "client-secret-not-a-secret\n");
    folder.write("own.toml", "[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = [\"sleep\"]\n");
    let dev_id = folder.key("TERRA_DEV_ID");
    let key_id = folder.json("keys list")[0]["key_id"].as_str().unwrap().to_owned();
    let token_id = folder.json("admin tokens list")[0]["token_id"].as_str().unwrap().to_owned();
    let state = || -> Vec<Value> {
        ["environments list", "keys list", "admin tokens list", "users list", "providers app list", "audit list"]
            .map(|command| folder.json(command))
            .into()
    };
    let before = state();
    for command in [
        format!("deauthenticate-user {user}"),
        "generate-widget-session --reference-id alice".to_owned(),
        "generate-mobile-token --reference-id alice".to_owned(),
        format!("environments create --name Other --server {}", server.origin()),
        "environments set --destination https://app.example/hooks".to_owned(),
        format!("environments rename {dev_id} --name Other"),
        format!("environments disable {dev_id}"),
        format!("environments enable {dev_id}"),
        format!("environments delete {dev_id}"),
        "keys create --name other".to_owned(),
        "keys rotate".to_owned(),
        "keys rotate-signing-secret".to_owned(),
        format!("keys revoke {key_id}"),
        "providers app set OURA --client-id acme --secret-file secret".to_owned(),
        "providers app rotate OURA --secret-file secret".to_owned(),
        "providers app remove OURA".to_owned(),
        "providers add own.toml".to_owned(),
        "admin tokens create --name bob --role owner".to_owned(),
        format!("admin tokens revoke {token_id}"),
        format!("vault rotate --server {}", server.origin()),
    ] {
        let answer = folder.run(&format!("{command} --dry-run"));
        assert_eq!(answer.code, 0, "{command}: {answer}");
        assert!(answer.stdout.starts_with("Would ") && answer.stdout.ends_with("Nothing was changed.\n"), "{answer}");
        assert_eq!(folder.json(&format!("{command} --dry-run"))["dry_run"], json!(true), "{command}");
    }
    assert_eq!(state(), before);
    assert!(!folder.path(".terra-auth/providers.d").exists());
}
