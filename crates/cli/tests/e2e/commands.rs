//! Every command against the real server, with plain and JSON output.

use std::fs;

use serde_json::{Value, json};
use terra_auth::{Environment, UserId};
use terra_auth_cli_testkit::{Folder, Receiver, Server};

const UNKNOWN_USER: &str = "00000000-0000-4000-8000-000000000000";

/// A folder with a running server and a user connected to Fitbit.
fn connected() -> (Folder, Server, UserId) {
    let folder = Folder::new();
    let server = folder.dev("");
    let user = folder.connect("FITBIT", "alice");
    (folder, server, user)
}

/// The standard output of a command, which must succeed without warnings.
fn stdout_of(folder: &Folder, arguments: &str) -> String {
    let answer = folder.run(arguments);
    assert_eq!((answer.code, &*answer.stderr), (0, ""), "{arguments}: {answer}");
    answer.stdout
}

#[test]
fn verify_connection_counts_the_providers() {
    let (folder, _server, _) = connected();
    assert_eq!(stdout_of(&folder, "verify-connection"), "Connected! 16 providers available\n");
    let dev_id = folder.key("TERRA_DEV_ID");
    let expected = json!({ "connected": true, "providers": 16, "environment": "testing", "dev_id": dev_id });
    assert_eq!(folder.json("verify-connection"), expected);
    assert_eq!(stdout_of(&folder, "list-integrations --providers-only").lines().count(), 16);
}

#[test]
fn list_integrations_has_the_documented_names_and_logo_urls() {
    let (folder, server, _) = connected();
    let rows = stdout_of(&folder, "list-integrations");
    assert!(rows.starts_with("NAME ") && rows.lines().count() == 17, "{rows}");
    let integrations = folder.json("list-integrations");
    let fitbit = &integrations[0];
    let logo_url = format!("{}/assets/provider/fitbit.svg", server.origin());
    let expected = ["Fitbit", "FITBIT", &logo_url];
    assert_eq!(["name", "resource", "logo_url"].map(|field| fitbit[field].as_str().unwrap()), expected);
    assert_eq!((&fitbit["enabled"], &fitbit["types"]["sleep"]), (&json!(true), &json!(true)));
}

#[test]
fn generate_widget_session_prints_a_url_of_this_server() {
    let (folder, server, _) = connected();
    let arguments = "generate-widget-session --reference-id alice --providers FITBIT,GARMIN --language de \
                     --success-url https://app.example/done --failure-url com.acme.app:/failed";
    let answer = folder.run(arguments);
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stdout.starts_with(&format!("{}/session/", server.origin())), "{answer}");
    assert!(answer.stderr.contains(" works once, until "), "{answer}");
    let session = folder.json(arguments);
    assert!(session["url"].as_str().unwrap().contains(session["session_id"].as_str().unwrap()));
    assert_eq!((session["expires_at"].is_string(), &session["warnings"]), (true, &json!([])));
}

#[test]
fn an_unknown_provider_causes_a_warning() {
    let (folder, _server, _) = connected();
    let answer = folder.run("generate-widget-session --providers FITBIT,NOSUCH");
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stderr.starts_with("warning: ") && answer.stderr.contains("NOSUCH"), "{answer}");
}

#[test]
fn generate_mobile_token_prints_a_token_of_64_hex_digits() {
    let (folder, _server, _) = connected();
    let answer = folder.run("generate-mobile-token");
    assert_eq!((answer.code, &*answer.stderr), (0, "works once, for 180 s\n"), "{answer}");
    let token = answer.stdout.trim_end();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{answer}");
    let bound = folder.json("generate-mobile-token --reference-id alice");
    assert_eq!(bound["expires_in"], 180);
    assert!(bound["token"].as_str().unwrap().len() > 64);
}

#[test]
fn users_are_listed_and_shown_by_either_id() {
    let (folder, _server, user) = connected();
    let rows = stdout_of(&folder, "users list");
    assert!(rows.lines().nth(1).unwrap().starts_with(&format!("{user}  FITBIT    alice ")), "{rows}");
    let shown = stdout_of(&folder, &format!("users show {user}"));
    assert!(shown.contains("logged in        yes") && shown.contains("heartrate"), "{shown}");
    assert_eq!(stdout_of(&folder, "users show --reference-id alice"), rows);

    let listed = folder.json("users list");
    assert_eq!(listed[0]["user_id"], user.to_string());
    assert_eq!(folder.json("users show --reference-id alice"), listed);
    let info = folder.json(&format!("users show {user}"));
    assert_eq!((&info["user"]["user_id"], &info["is_authenticated"]), (&listed[0]["user_id"], &json!(true)));
    assert_eq!(folder.run("users show --reference-id unknown").code, 4);
}

#[test]
fn users_list_warns_if_there_are_more_users() {
    let (folder, _server, _) = connected();
    folder.connect("OURA", "alice");
    let answer = folder.run("users list --limit 1");
    assert_eq!((answer.code, answer.stdout.lines().count()), (0, 2), "{answer}");
    assert!(answer.stderr.contains("more than 1 users"), "{answer}");
}

#[test]
fn deauthenticate_user_needs_yes_and_is_final() {
    let (folder, _server, user) = connected();
    let unasked = folder.run(&format!("deauthenticate-user {user}"));
    assert_eq!((unasked.code, &*unasked.stdout), (7, ""), "{unasked}");
    assert!(unasked.stderr.contains("--yes"), "{unasked}");
    assert_eq!(folder.run(&format!("users show {user}")).code, 0);

    assert_eq!(stdout_of(&folder, &format!("deauthenticate-user {user} --yes")), format!("Deauthenticated {user}\n"));
    assert_eq!(folder.run(&format!("deauthenticate-user {user} --yes")).code, 4);
    let other = folder.connect("OURA", "alice");
    let expected = json!({ "success": true, "user_id": other });
    assert_eq!(folder.json(&format!("deauthenticate-user {other} --yes")), expected);
    assert_eq!(folder.json("users list"), json!([]));
}

#[test]
fn sandbox_connect_prints_the_user_id_or_the_reason() {
    let (folder, _server, _) = connected();
    let connected = stdout_of(&folder, "sandbox connect --provider STRAVA --reference-id bob --account anna");
    let user: UserId = connected.trim_end().parse().unwrap();
    assert_eq!(folder.json(&format!("users show {user}"))["user"]["provider"], "STRAVA");
    let partly = folder.json("sandbox connect --provider FITBIT --reference-id carol --without-scope sleep");
    let info = folder.json(&format!("users show {}", partly["user_id"].as_str().unwrap()));
    let scopes: Vec<_> = info["user"]["scopes"].as_str().unwrap().split(',').collect();
    assert!(scopes.contains(&"heartrate") && !scopes.contains(&"sleep"), "{scopes:?}");

    assert_eq!(stdout_of(&folder, "sandbox connect --provider OURA --deny"), "not connected: access denied\n");
    let denied = folder.json("sandbox connect --provider OURA --reference-id dave --deny");
    assert_eq!((&denied["connected"], &denied["reason"]), (&json!(false), &json!("access_denied")));
    assert_eq!(folder.json("users list").as_array().unwrap().len(), 3);
}

#[test]
fn every_face_of_the_sandbox_can_be_connected() {
    let folder = Folder::new();
    let _server = folder.dev("");
    let integrations = folder.json("list-integrations");
    let on_device = ["APPLE", "SAMSUNG", "HEALTH_CONNECT"];
    let names = integrations.as_array().unwrap().iter().map(|one| one["resource"].as_str().unwrap());
    let by_login: Vec<_> = names.filter(|name| !on_device.contains(name)).collect();
    assert_eq!(by_login.len(), 13);
    for name in by_login {
        let user = folder.connect(name, "alice");
        assert_eq!(folder.json(&format!("users show {user}"))["user"]["provider"], name);
    }
}

#[test]
fn verify_webhook_accepts_a_real_delivery() {
    let receiver = Receiver::start();
    let folder = Folder::new();
    let _server = folder.dev(&format!("--forward-to {}", receiver.url));
    folder.connect("FITBIT", "alice");
    let delivery = receiver.wait_for(1).remove(0);
    fs::write(folder.path("body"), &delivery.body).unwrap();
    folder.write("changed", &format!("{} ", delivery.json()));
    let signature = delivery.header("terra-signature");
    assert_eq!(stdout_of(&folder, &format!("verify-webhook --signature {signature} --body body")), "Verified\n");
    assert_eq!(
        folder.json(&format!("verify-webhook --signature {signature} --body body")),
        json!({ "verified": true })
    );
    assert_eq!(folder.run(&format!("verify-webhook --signature {signature} --body changed")).code, 9);
}

#[test]
fn setup_environment_accepts_the_keys_of_our_server() {
    let (folder, server, _) = connected();
    let other = Folder::new();
    other.write("key", &folder.key("TERRA_API_KEY"));
    other.write("secret", &folder.key("TERRA_SIGNING_SECRET"));
    let (dev_id, origin) = (folder.key("TERRA_DEV_ID"), server.origin());
    let arguments = format!(
        "setup-environment --dev-id {dev_id} --api-key-file key --signing-secret-file secret --api-url {origin}/v2"
    );
    assert_eq!(other.run(&arguments).code, 0);
    assert_eq!(other.credentials(Environment::Testing).signing_secret.unwrap().expose(), other.read("secret"));
    assert_eq!(stdout_of(&other, "verify-connection"), "Connected! 16 providers available\n");

    let with_wrong_key = Folder::new();
    with_wrong_key.write("key", "another-key-not-a-secret");
    let refused = with_wrong_key.run(&arguments.replace("--signing-secret-file secret ", ""));
    assert_eq!((refused.code, with_wrong_key.path(".env.terra.testing").exists()), (3, false), "{refused}");
}

#[test]
fn each_failure_has_its_exit_code_and_names_a_remedy() {
    let (folder, server, user) = connected();
    let wrong = Folder::new();
    let keys = folder.read(".env.terra.testing").replace(&folder.key("TERRA_API_KEY"), "another-key-not-a-secret");
    wrong.write(".env.terra.testing", &keys);
    for (code, folder, arguments, expected) in [
        (2, &folder, "--env nosuch verify-connection", "unknown environment: nosuch"),
        (2, &folder, "sandbox connect", "--provider"),
        (3, &wrong, "verify-connection", "setup-environment"),
        (3, &wrong, "generate-widget-session", "both keys belong to one environment"),
        (3, &wrong, "generate-mobile-token", "TERRA_DEV_ID and TERRA_API_KEY"),
        (3, &wrong, "users list", "setup-environment"),
        (3, &wrong, &format!("deauthenticate-user {user} --yes"), "setup-environment"),
        (4, &folder, &format!("users show {UNKNOWN_USER}"), "user not found"),
        (4, &folder, &format!("deauthenticate-user {UNKNOWN_USER} --yes"), "user not found"),
        (8, &folder, "verify-connection --env production", ".env.terra.production"),
        (8, &folder, "users list --env production", "terra-auth setup-environment --env production"),
    ] {
        let plain = folder.run(arguments);
        assert_eq!((plain.code, &*plain.stdout), (code, ""), "{arguments}: {plain}");
        assert!(plain.stderr.contains(expected), "{arguments}: {plain}");
        let json = folder.run(&format!("{arguments} --output json"));
        let error: Value = serde_json::from_str(&json.stderr).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!((json.code, &*json.stdout, &error["exit_code"]), (code, "", &json!(code)), "{arguments}: {json}");
    }
    server.kill();
    let gone = folder.run("verify-connection");
    assert_eq!((gone.code, &*gone.stdout), (5, ""), "{gone}");
}

#[test]
fn an_api_error_has_the_trace_id_of_the_request() {
    let (folder, _server, _) = connected();
    let answer = folder.run(&format!("users show {UNKNOWN_USER} --output json"));
    let error: Value = serde_json::from_str(&answer.stderr).unwrap();
    assert!(error["trace_id"].as_str().is_some_and(|id| id.len() == 32), "{answer}");
}

#[test]
fn an_invalid_argument_is_reported_with_the_valid_form() {
    let (folder, _server, _) = connected();
    for (command, code, reason) in [
        ("users show --reference-id unknown-reference", 4, "no user has the reference id"),
        ("users show nonsense", 2, "a user id is a UUID"),
        ("users list --limit abc", 2, "use an integer"),
        ("generate-widget-session --success-url app --language xx", 2, "choose one of en, fr, de"),
        (
            "sandbox connect --provider FITBIT --account carol --without-scope nonsense",
            2,
            "FITBIT has no scope nonsense",
        ),
        ("connections show 00000000-0000-4000-8000-000000000000", 4, "users list"),
    ] {
        let refused = folder.run(command);
        assert!(refused.code == code && refused.stderr.contains(reason), "{command}: {refused}");
    }
    assert_eq!(folder.run("generate-widget-session --language de-AT").code, 0);
}

#[test]
fn settings_and_connections_are_printed_in_the_requested_format() {
    let (folder, _server, user) = connected();
    assert_eq!(folder.json("env export")["user_limit"], 50);
    assert!(stdout_of(&folder, "env export").contains("user_limit = 50"));
    assert!(folder.json("providers list").is_array());
    let lines = stdout_of(&folder, "connections export --out -");
    let exported: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(exported["user_id"], user.to_string());
    assert!(!folder.path("-").exists());
}

#[test]
fn users_are_filtered_by_provider_and_by_active_state() {
    let (folder, _server, user) = connected();
    let oura = folder.connect("OURA", "alice");
    let listed = |flags: &str| -> Vec<String> {
        let users = folder.json(&format!("users list {flags}"));
        users.as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("--provider OURA"), [oura.to_string()]);
    assert_eq!(listed("--provider FITBIT --active"), [user.to_string()]);
    assert!(listed("--inactive").is_empty());
}

#[test]
fn a_qr_code_of_the_session_is_shown_with_its_url() {
    let (folder, _server, _) = connected();
    let answer = folder.run("generate-widget-session --reference-id alice --qr");
    assert_eq!((answer.code, answer.stdout.lines().count()), (0, 1), "{answer}");
    assert!(
        answer.stderr.lines().filter(|line| line.contains('\u{2588}') || line.contains('\u{2580}')).count() > 15,
        "{answer}"
    );
    assert!(answer.stderr.contains("cannot reach this machine's loopback address"), "{answer}");
}
