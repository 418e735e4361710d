//! Terra's own clients, unmodified, against our server. See `tests/official/README.md`.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use terra_auth_cli_testkit::{CommandOutput, Folder, Received, Receiver};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/official");

/// A script of `tests/official`. Panics if its dependencies are not installed.
pub(crate) fn script(arguments: &str) -> Command {
    let scripts = Path::new(SCRIPTS);
    let installed = ["node_modules/.pins", "../../target/official/py-new/.pins", "../../target/official/py-old/.pins"];
    let missing: Vec<PathBuf> = installed.map(|file| scripts.join(file)).into_iter().filter(|f| !f.exists()).collect();
    assert!(missing.is_empty(), "the official clients are not installed ({missing:?}): run tests/official/setup.sh");
    for program in ["python3", "node"] {
        let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        assert!(found.is_ok(), "{program} is not installed: tests/official/setup.sh lists the requirements");
    }
    let program = match arguments.split([' ', '.']).nth(1) {
        Some("py") => "python3",
        Some("mjs") => "node",
        _ => "sh",
    };
    let mut command = Command::new(program);
    command.args(arguments.split(' ')).current_dir(scripts).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs every operation of an official client, with a user that it may deauthenticate.
fn assert_every_operation_works(name: &str) {
    let folder = Folder::new();
    let server = folder.dev("");
    let user = folder.connect("FITBIT", "official_1");
    let mut command = script(name);
    command.env("TERRA_TEST_URL", server.origin());
    for key in ["TERRA_DEV_ID", "TERRA_API_KEY", "TERRA_SIGNING_SECRET"] {
        command.env(key, folder.key(key));
    }
    command.env("TERRA_TEST_USER_ID", user.to_string()).env("TERRA_TEST_REFERENCE_ID", "official_1");
    let answer = CommandOutput::of(&mut command);
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stdout.ends_with("checks passed\n"), "{answer}");
}

#[test]
fn the_newer_python_client_works_unmodified() {
    assert_every_operation_works("py_new.py");
}

#[test]
fn the_older_python_client_works_unmodified() {
    assert_every_operation_works("py_old.py");
}

#[test]
fn the_newer_javascript_client_works_unmodified() {
    assert_every_operation_works("js_new.mjs");
}

#[test]
fn the_older_javascript_client_works_unmodified() {
    assert_every_operation_works("js_old.mjs");
}

/// Runs the six operations of the guide, with only the keys in the credential file.
fn assert_guide_works(name: &str, sdk: &str) {
    let folder = Folder::new();
    let _server = folder.dev("");
    let user = folder.connect("FITBIT", "document_1");
    let mut command = script(name);
    for key in ["TERRA_DEV_ID", "TERRA_API_KEY", "TERRA_API_URL"] {
        command.env_remove(key);
    }
    command.env("TERRA_TEST_FOLDER", folder.path("")).env("TERRA_TEST_USER_ID", user.to_string());
    let answer = CommandOutput::of(&mut command);
    assert_eq!(answer.code, 0, "{answer}");
    for operation in [
        "setup-environment",
        "verify-connection",
        "generate-widget-session",
        "generate-mobile-token",
        "list-integrations",
        "deauthenticate-user",
    ] {
        assert!(answer.stdout.contains(&format!("/6 {operation}\n")), "{operation}: {answer}");
    }
    assert!(answer.stdout.contains("\nConnected! ") && answer.stdout.contains(" providers available\n"), "{answer}");
    assert!(answer.stdout.ends_with(&format!("6 of 6 operations work on {sdk}\n")), "{answer}");
}

#[test]
fn the_six_operations_of_the_guide_work_in_python() {
    assert_guide_works("document.py", "terra-python 1.1.0");
}

#[test]
fn the_six_operations_of_the_guide_work_in_javascript() {
    assert_guide_works("document.mjs", "terra-api 2.1.0");
}

#[test]
fn all_official_helpers_accept_a_real_delivery_and_reject_a_changed_one() {
    let receiver = Receiver::start();
    let folder = Folder::new();
    let _server = folder.dev(&format!("--forward-to {}", receiver.url));
    folder.connect("OURA", "zoë_1");
    let delivery = receiver.wait_for(1).remove(0);
    let changed = [&delivery.body[..], b" "].concat();

    for helper in ["webhook.py new", "webhook.py old", "webhook.mjs new", "webhook.mjs old"] {
        let secret = folder.key("TERRA_SIGNING_SECRET");
        assert_eq!(verdict(helper, &secret, &delivery, &delivery.body), (0, "accepted\n".to_owned()), "{helper}");
        assert_eq!(verdict(helper, &secret, &delivery, &changed), (1, "refused\n".to_owned()), "{helper}");
    }
}

#[test]
fn all_official_helpers_accept_the_golden_signatures() {
    let answer = CommandOutput::of(&mut script("golden.sh"));
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(answer.stdout.matches("checks passed").count(), 4, "{answer}");
}

/// A helper's verdict on a body with a delivery's signature.
fn verdict(helper: &str, secret: &str, delivery: &Received, body: &[u8]) -> (i32, String) {
    let mut command = script(&format!("{helper} verify"));
    command.arg(delivery.header("terra-signature")).env("TERRA_SIGNING_SECRET", secret);
    run_with_stdin(&mut command, body)
}

/// Runs a command with text on standard input; returns its exit code and standard output.
pub(crate) fn run_with_stdin(command: &mut Command, stdin: &[u8]) -> (i32, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}
