use insta::assert_snapshot;
use serde_json::Value;
use terra_auth_cli_testkit::{Folder, unreachable_url};

use crate::support::{API_KEY, DEV_ID, FILE, UNKNOWN_USER, USER, api, folder_with_keys};

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let (api, nowhere) = (api(), unreachable_url());
    let good = folder_with_keys(&api);
    let wrong = folder_with_keys(&api);
    wrong.write(FILE, &good.read(FILE).replace(API_KEY, "another-key-not-a-secret"));
    let cases = [
        (2, &good, "--env prod users list"),
        (2, &good, "users show"),
        (2, &good, "users list --limit 0"),
        (2, &good, "generate-widget-session --success-url http://app.example.com"),
        (3, &wrong, "verify-connection"),
        (3, &wrong, "generate-mobile-token"),
        (4, &good, &format!("users show {UNKNOWN_USER}")),
        (4, &good, &format!("deauthenticate-user {UNKNOWN_USER} --yes")),
        (5, &folder_with_keys(&nowhere), "verify-connection"),
        (7, &good, &format!("deauthenticate-user {USER}")),
        (8, &good, "users list --env staging"),
        (8, &Folder::new().variable("TERRA_DEV_ID", DEV_ID), "users list"),
    ];
    for (code, folder, arguments) in cases {
        let answer = folder.run(arguments);
        assert_eq!((answer.code, &*answer.stdout), (code, ""), "{arguments}: {answer}");
    }
}

#[test]
fn an_error_lists_its_causes_and_the_next_step() {
    let folder = folder_with_keys(&api());
    assert_snapshot!(folder.run(&format!("users show {UNKNOWN_USER}")), @"
    exit 4
    --- stderr
    error: could not look up the user
      because: not found: 404 user not found (trace id trace-1); check the id, the environment it was created in, and TERRA_API_URL
    next: if it belongs to another environment, select that one with --env
    ");
    assert_snapshot!(folder.run(&format!("deauthenticate-user {USER}")), @"
    exit 7
    --- stderr
    error: not deauthenticated: there is no terminal for the confirmation
    next: add --yes to skip the confirmation
    ");
}

#[test]
fn plain_http_to_a_private_network_needs_the_operators_permission() {
    let check = |url: &str, allowed: bool| {
        let folder = if allowed { Folder::new().variable("TERRA_ALLOW_PRIVATE_HTTP", "1") } else { Folder::new() };
        folder.write(FILE, &format!("TERRA_DEV_ID={DEV_ID}\nTERRA_API_KEY={API_KEY}\nTERRA_API_URL={url}\n"));
        folder.run("gateway check --who-am-i http://app:3000/me")
    };
    for url in ["http://terra:8787/v2", "http://10.0.0.5:8787/v2"] {
        let refused = check(url, false);
        assert!(refused.code == 8 && refused.stderr.contains("TERRA_ALLOW_PRIVATE_HTTP=1"), "{refused}");
        let allowed = check(url, true);
        assert_eq!(allowed.code, 0, "{allowed}");
    }
    assert_eq!(check("http://1.2.3.4:8787/v2", true).code, 8);

    // A name is resolved first; the key is not sent if it resolves to a public address.
    let folder = folder_with_keys("http://terra.invalid:8787/v2").variable("TERRA_ALLOW_PRIVATE_HTTP", "1");
    assert_eq!(folder.run("verify-connection").code, 5);
}

#[test]
fn a_failure_is_one_line_of_json_on_request() {
    let folder = folder_with_keys(&api());
    let cases = [
        (2, "misused", "deauthenticate-user --output json"),
        (2, "misused", "--output=json users lst"),
        (4, "not_found", &format!("users show {UNKNOWN_USER} --output json")),
        (7, "not_confirmed", &format!("deauthenticate-user {USER} --output json")),
    ];
    for (code, kind, arguments) in cases {
        let answer = folder.run(arguments);
        let error: Value = serde_json::from_str(&answer.stderr).unwrap();
        assert_eq!((answer.code, &error["exit_code"], &error["kind"]), (code, &code.into(), &kind.into()));
        assert!(error["error"].is_string() && error["next"].is_string(), "{error}");
        assert_eq!((answer.stderr.lines().count(), &*answer.stdout), (1, ""));
    }
}

#[test]
fn the_environment_comes_from_the_flag_or_its_variable() {
    let asked = |folder: Folder, arguments: &str| folder.run(arguments).stderr;
    let with = |name| Folder::new().variable("TERRA_ENV", name);
    assert!(asked(Folder::new(), "users list").contains("no keys for testing"));
    assert!(asked(with(""), "users list").contains("no keys for testing"));
    assert!(asked(with("staging"), "users list").contains("no keys for staging"));
    assert!(asked(with("staging"), "users list --env production").contains("no keys for production"));
    let unknown = "unknown environment: prod; use testing, staging or production";
    assert!(asked(with("prod"), "users list").contains(unknown));
    assert!(asked(Folder::new(), "users list --env prod").contains(unknown));
}

#[test]
fn no_failure_shows_a_key() {
    let folder = folder_with_keys(&unreachable_url());
    for arguments in ["verify-connection -v", "users list --output json", "setup-environment --yes"] {
        assert!(!folder.run(arguments).to_string().contains("not-a-secret"));
    }
}
