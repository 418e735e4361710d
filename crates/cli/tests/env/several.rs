//! Several environments at once: variables of a named environment, and the check of all environments.

use serde_json::json;
use terra_auth_cli_testkit::Folder;

use crate::support::{api, dev_id, folder_with, key};

/// A folder with a file for testing and variables for production.
fn with_production(api: &str) -> Folder {
    folder_with(&["testing"], api)
        .variable("TERRA_DEV_ID_PRODUCTION", &dev_id("production"))
        .variable("TERRA_API_KEY_PRODUCTION", &key("production"))
        .variable("TERRA_API_URL_PRODUCTION", api)
}

#[test]
fn variables_of_a_named_environment_are_listed_on_their_own_line() {
    let listed = with_production("http://127.0.0.1:1/v2").run("env list --output json").json();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert_eq!(
        listed[3],
        json!({
            "environment": "production (process)", "dev_id": dev_id("production"), "api_key": "••••cret",
            "signing_secret": null, "api_url": "http://127.0.0.1:1/v2",
            "source": "the process environment (…_PRODUCTION)", "last_verified": null, "problem": null,
        })
    );
    let half = Folder::new().variable("TERRA_API_KEY_STAGING", "staging-key-not-a-secret").run("env list");
    let expected = "warning: the process environment has TERRA_API_KEY_STAGING but not TERRA_DEV_ID_STAGING";
    assert!(half.stderr.contains(expected) && !half.to_string().contains("not-a-secret"), "{half}");
}

#[test]
fn a_program_gets_no_variables_of_other_environments() {
    let answer = with_production(&api()).run("env exec --env testing -- env");
    assert!(answer.stdout.contains(&format!("TERRA_DEV_ID={}\n", dev_id("testing"))), "{answer}");
    assert!(!answer.stdout.contains("_PRODUCTION"), "{answer}");
}

#[test]
fn all_environments_are_verified_with_one_line_each_and_the_worst_exit_code() {
    let url = api();
    let mut folder = with_production(&url);
    let answer = folder.run("verify-connection --env all");
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{answer}");
    assert_eq!(lines[0], "testing     Connected! 1 providers available");
    assert!(lines[1].starts_with("staging     no keys for staging: neither .env.terra.staging nor"), "{answer}");
    assert_eq!(lines[2], "production  Connected! 1 providers available");
    assert_eq!(answer.code, 8);
    assert!(answer.stderr.starts_with("error: 1 of 3 environments could not be verified"), "{answer}");
    let json = folder.run("verify-connection --env all --output json").json();
    assert_eq!(
        json[0],
        json!({ "connected": true, "providers": 1, "environment": "testing", "dev_id": dev_id("testing") })
    );
    let found = |n: usize| (&json[n]["environment"], &json[n]["connected"], &json[n]["exit_code"]);
    assert_eq!(found(1), (&json!("staging"), &json!(false), &json!(8)));
    assert_eq!(found(2), (&json!("production"), &json!(true), &json!(null)));

    folder = folder.variable("TERRA_DEV_ID_STAGING", &dev_id("staging")).variable("TERRA_API_URL_STAGING", &url);
    folder = folder.variable("TERRA_API_KEY_STAGING", &key("staging"));
    assert_eq!(folder.run("verify-connection --env all").code, 0);

    folder.write(".env.terra.testing", &folder.read(".env.terra.testing").replace("testing-key", "wrong-key"));
    let wrong = folder.variable("TERRA_API_KEY_STAGING", "").run("verify-connection --env all");
    assert_eq!(wrong.code, 3, "wrong keys are worse than none: {wrong}");
    assert!(!wrong.to_string().contains("not-a-secret"));
}

#[test]
fn other_commands_accept_only_one_environment() {
    let answer = Folder::new().run("list-integrations --env all");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.starts_with("error: only verify-connection and doctor accept --env all"), "{answer}");
}
