use insta::assert_snapshot;
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, api, dev_id, folder_with, key};

#[test]
fn all_environments_are_listed_with_their_sources_and_no_secret() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    folder.write(
        ".env.staging",
        "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY='command:op read op://vault/not-a-secret'\n",
    );
    assert_snapshot!(folder.run("env list"), @"
    exit 0
    ENVIRONMENT  DEV-ID                   API KEY     SIGNING SECRET  API                    FROM                LAST VERIFIED
    testing      acme-testing-0000000000  ••••cret    –               http://127.0.0.1:1/v2  .env.terra.testing  never
    staging      acme-staging-0000000000  command op  –               hosted                 .env.staging        never
    production   –                        –           –               –                      –                   –
    ");
    let listed = folder.run("env list --output json").json();
    assert_eq!(listed[0]["api_key"], "••••cret");
    assert_eq!(listed[1]["api_key"], "command op");
    assert_eq!(
        listed[2],
        json!({
            "environment": "production", "dev_id": null, "api_key": null, "signing_secret": null, "api_url": null,
            "source": null, "last_verified": null, "problem": null,
        })
    );
}

#[test]
fn keys_of_the_process_environment_are_listed_on_their_own_line() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2")
        .variable("TERRA_DEV_ID", "acme-process-0000000000")
        .variable("TERRA_API_KEY", "process-key-not-a-secret")
        .variable("TERRA_ENV", "staging");
    let listed = folder.run("env list --output json").json();
    assert_eq!(listed[3]["environment"], "(process)");
    assert_eq!((&listed[3]["dev_id"], &listed[3]["api_key"]), (&json!("acme-process-0000000000"), &json!("••••cret")));
    let half = Folder::new().variable("TERRA_API_KEY", "process-key-not-a-secret").run("env list");
    assert!(half.stderr.contains("warning: the process environment has TERRA_API_KEY but not TERRA_DEV_ID"), "{half}");
    assert!(!half.to_string().contains("not-a-secret"));
}

#[test]
fn an_invalid_file_causes_a_warning_and_the_others_are_listed() {
    let folder = folder_with(&["production"], "http://127.0.0.1:1/v2");
    folder.write(FILE, "TERRA_DEV_ID=acme\nTERRA_API_KEY: test-key-not-a-secret\n");
    folder.write(".env.terra.staging", "TERRA_DEV_ID=acme\n");
    let answer = folder.run("env list");
    assert_eq!(answer.code, 0);
    assert_snapshot!(answer.stderr, @"
    warning: .env.terra.testing:2: is not KEY=value; quote a value that has spaces, and close every quote
    warning: .env.terra.staging: TERRA_API_KEY is missing; add it there, or run `terra-auth setup-environment --env staging`
    ");
    assert!(answer.stdout.contains(&dev_id("production")), "{answer}");
}

#[test]
fn the_list_shows_when_the_api_last_accepted_exactly_these_keys() {
    let folder = folder_with(&["testing"], &api());
    let last = |folder: &Folder| folder.run("env list --output json").json()[0]["last_verified"].clone();
    assert_eq!(last(&folder), Value::Null);
    assert_eq!(folder.run("verify-connection").code, 0);
    assert!(last(&folder).as_str().unwrap().ends_with('Z'));
    assert_eq!(folder.run("env show --output json").json()["last_verified"], last(&folder));
    let state = folder.read(".local/state/terra-auth/verified");
    assert!(!state.contains("acme") && !state.contains("not-a-secret"), "{state}");

    folder.write(FILE, &folder.read(FILE).replace(&key("testing"), "another-key-not-a-secret"));
    assert_eq!(last(&folder), Value::Null);
    assert_eq!(folder.run("verify-connection").code, 3);
    assert_eq!(last(&folder), Value::Null);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_ignored() {
    let folder = folder_with(&["testing"], &api()).variable("XDG_STATE_HOME", "/dev/null");
    assert_eq!(folder.run("verify-connection").code, 0);
    assert_eq!(folder.run("env list").code, 0);
}

#[test]
fn one_environment_is_shown_with_the_line_of_each_value() {
    let folder = folder_with(&["testing"], "http://127.0.0.1:1/v2");
    folder.write_trusted(
        FILE,
        &(folder.read(FILE) + "# hooks\nTERRA_SIGNING_SECRET='command:echo signing-not-a-secret'\n"),
    );
    assert_snapshot!(folder.run("env show"), @"
    exit 0
    NAME            VALUE                    FROM
    environment     testing
    dev-id          acme-testing-0000000000  .env.terra.testing:1
    API key         ••••cret                 .env.terra.testing:2
    signing secret  ••••cret                 command echo, by .env.terra.testing:5
    API             http://127.0.0.1:1/v2    .env.terra.testing:3
    widget          http://127.0.0.1:1/      derived from the API
    streaming       ws://127.0.0.1:1/        derived from the API
    last verified   never
    ");
    let revealed = folder.run("env show --reveal --output json").json();
    assert_eq!(
        revealed["signing_secret"],
        json!({ "value": "signing-not-a-secret", "from": "command echo, by .env.terra.testing:5" })
    );
    assert_eq!(folder.run("env show --env staging").code, 8);
}

#[test]
fn two_settings_files_are_compared() {
    let folder = Folder::new();
    folder.write("testing.toml", "name = \"Acme\"\nuser_limit = 50\nproviders = [\"FITBIT\", \"OURA\"]\n");
    folder.write("production.toml", "name = \"Acme\"\nuser_limit = \"none\"\nproviders = [\"OURA\"]\n");
    assert_snapshot!(folder.run("env diff testing.toml production.toml"), @"
    exit 0
    SETTING     TESTING.TOML  PRODUCTION.TOML
    user_limit  50            none
    providers   FITBIT        –
    ");
    assert_eq!(folder.run("env diff testing.toml testing.toml --output json").json(), json!([]));
    folder.write("broken.toml", "api_key = \"test-key-not-a-secret\"\n");
    let broken = folder.run("env diff testing.toml broken.toml");
    assert!(broken.code == 2 && broken.stderr.contains("broken.toml: has an unknown setting api_key"), "{broken}");
    assert!(!broken.to_string().contains("not-a-secret"));
}
