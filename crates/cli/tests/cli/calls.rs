use insta::assert_snapshot;
use serde_json::{Value, json};
use terra_auth_cli_testkit::CommandOutput;

use crate::support::{USER, api, folder_with_keys};

fn run(arguments: &str) -> CommandOutput {
    folder_with_keys(&api()).run(arguments)
}

fn json_of(arguments: &str) -> Value {
    let answer = run(&format!("{arguments} --output json"));
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn a_connection_is_verified_with_both_keys() {
    assert_snapshot!(run("verify-connection"), @"
    exit 0
    Connected! 1 providers available
    ");
    let expected =
        json!({ "connected": true, "providers": 1, "environment": "testing", "dev_id": "acme-testing-0000000000" });
    assert_eq!(json_of("verify-connection"), expected);
}

#[test]
fn integrations_are_listed_without_terminal_control_characters() {
    assert_snapshot!(run("list-integrations"), @"
    exit 0
    NAME       PROVIDER  ENABLED
    Fitbit     FITBIT    yes
    Oura�[31m  OURA      no
    ");
    assert_snapshot!(run("list-integrations --providers-only"), @"
    exit 0
    FITBIT
    ");
}

#[test]
fn integrations_have_the_documented_names_in_json() {
    let integrations = json_of("list-integrations");
    let mut first = integrations[0].as_object().unwrap().clone();
    assert_eq!(first.remove("types").unwrap()["sleep"], true);
    let logo_url = "https://app.example.com/fitbit.webp";
    let expected =
        json!({ "name": "Fitbit", "resource": "FITBIT", "logo_url": logo_url, "setup": null, "enabled": true });
    assert_eq!(Value::from(first), expected);
    assert_eq!(json_of("list-integrations --providers-only"), json!(["FITBIT"]));
}

#[test]
fn only_the_url_of_a_widget_session_is_on_standard_output() {
    let answer = run("generate-widget-session --reference-id alice --providers fitbit,nosuch --language de");
    assert_eq!((answer.code, answer.stdout), (0, format!("http://127.0.0.1:1/session/{USER}?language=de\n")));
    assert!(answer.stderr.starts_with("warning: NOSUCH is unknown\nsession 0"), "{}", answer.stderr);
}

#[test]
fn a_widget_session_has_the_documented_names_in_json() {
    let session = json_of("generate-widget-session");
    assert_eq!(session["session_id"], USER);
    assert_eq!(session["url"], format!("http://127.0.0.1:1/session/{USER}?language=none"));
    assert!(session["expires_at"].is_string());
}

#[test]
fn only_the_mobile_token_is_on_standard_output() {
    assert_snapshot!(run("generate-mobile-token"), @"
    exit 0
    a-mobile-token
    --- stderr
    works once, for 180 s
    ");
    let token = json_of("generate-mobile-token --reference-id alice");
    assert_eq!((&token["token"], &token["expires_in"]), (&json!("a-mobile-token"), &json!(180)));
}

#[test]
fn users_are_listed_up_to_a_limit() {
    assert_snapshot!(run("users list"), @"
    exit 0
    USER ID                               PROVIDER  REFERENCE ID  CONNECTED SINCE  ACTIVE
    00000000-0000-4000-8000-000000000001  FITBIT    alice         2030-01-01       yes
    00000000-0000-4000-8000-000000000001  FITBIT    alice         2030-01-01       yes
    ");
    assert_snapshot!(run("users list --limit 1"), @"
    exit 0
    USER ID                               PROVIDER  REFERENCE ID  CONNECTED SINCE  ACTIVE
    00000000-0000-4000-8000-000000000001  FITBIT    alice         2030-01-01       yes
    --- stderr
    warning: there are more than 1 users; raise --limit to list more
    ");
}

#[test]
fn a_user_is_shown_by_either_id() {
    assert_snapshot!(run(&format!("users show {USER}")), @"
    exit 0
    user_id          00000000-0000-4000-8000-000000000001
    provider         FITBIT
    reference_id     alice
    logged in        yes
    active           yes
    connected since  2030-01-01 10:00 UTC
    last asked       –
    newest data      –
    last webhook     –
    scopes           sleep
    ");
    assert_eq!(json_of(&format!("users show {USER}"))["user"]["provider"], "FITBIT");
    assert_eq!(json_of("users show --reference-id alice")[0]["user_id"], USER);
}

#[test]
fn a_user_is_deauthenticated_with_yes() {
    assert_snapshot!(run(&format!("deauthenticate-user {USER} --yes")), @"
    exit 0
    Deauthenticated 00000000-0000-4000-8000-000000000001
    ");
    let expected = json!({ "success": true, "user_id": USER });
    assert_eq!(json_of(&format!("deauthenticate-user {USER} --yes")), expected);
}

#[test]
fn verbose_logs_the_calls_without_secrets() {
    let answer = run("generate-mobile-token --verbose");
    assert_eq!(answer.stdout, "a-mobile-token\n");
    assert!(answer.stderr.contains("POST /v2/auth/tokens answered"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("not-a-secret"));
}
