use insta::assert_snapshot;
use terra_auth_cli_testkit::{Folder, unreachable_url};

use crate::support::{SIGNING_SECRET, folder_with_keys};

const BODY: &str = r#"{"type":"auth"}"#;
const SIGNED_AT: i64 = 1_893_456_000;

/// A folder with a delivery that was signed with `secret`.
fn delivery(secret: &str) -> Folder {
    let folder = folder_with_keys(&unreachable_url());
    folder.write("body", BODY);
    folder.write("header", &format!("{}\n", terra_auth::webhook::sign(secret.as_bytes(), SIGNED_AT, BODY.as_bytes())));
    folder
}

#[test]
fn a_genuine_delivery_is_verified_from_a_file_or_standard_input() {
    let folder = delivery(SIGNING_SECRET);
    assert_snapshot!(folder.run("verify-webhook --header-file header --body body --at 1893456300"), @"
    exit 0
    Verified
    ");
    let header = folder.read("header");
    let answer = folder.run_with(&format!("verify-webhook --at 1893455700 --signature {header}"), BODY);
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
}

#[test]
fn a_delivery_outside_the_tolerance_is_rejected() {
    let folder = delivery(SIGNING_SECRET);
    let at =
        |at: i64, more: &str| folder.run(&format!("verify-webhook --header-file header --body body --at {at} {more}"));
    assert_eq!(at(SIGNED_AT + 301, "").code, 9);
    assert_eq!(at(SIGNED_AT - 301, "").code, 9);
    assert_eq!(at(SIGNED_AT + 301, "--tolerance 301").code, 0);
    assert_snapshot!(at(SIGNED_AT + 301, ""), @"
    exit 9
    --- stderr
    error: the webhook is not verified
      because: signed 301 seconds ago, which is too old
    next: pass the time at which it was received with --at; otherwise it may be a replay, or a clock is wrong
    ");
}

#[test]
fn a_line_break_added_to_the_body_is_recognised() {
    let answer =
        delivery(SIGNING_SECRET).run_with("verify-webhook --header-file header --at 1893456000", &format!("{BODY}\n"));
    assert_eq!(answer.code, 9);
    assert!(answer.stderr.contains("remove the line break at the end of the body"), "{answer}");
}

#[test]
fn the_secret_of_another_environment_is_recognised() {
    let folder = delivery("staging-not-a-secret");
    let keys = "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY=staging-key-not-a-secret\n";
    folder.write(".env.terra.staging", &format!("{keys}TERRA_SIGNING_SECRET=staging-not-a-secret\n"));
    let answer = folder.run("verify-webhook --header-file header --body body --at 1893456000");
    assert_eq!(answer.code, 9);
    assert!(answer.stderr.contains("matches staging's secret; select it with --env staging"), "{answer}");
}

#[test]
fn a_missing_or_malformed_argument_is_named() {
    let folder = delivery(SIGNING_SECRET);
    assert_eq!(folder.run("verify-webhook --body body").code, 2);
    assert_eq!(folder.run("verify-webhook --signature t=1 --body nowhere").code, 1);
    let malformed = folder.run("verify-webhook --signature v1 --body body");
    assert_eq!(malformed.code, 9);
    assert!(malformed.stderr.contains("pass the full value of the header"), "{malformed}");

    let secret = format!("TERRA_SIGNING_SECRET={SIGNING_SECRET}\n");
    folder.write(".env.terra.testing", &folder.read(".env.terra.testing").replace(&secret, ""));
    let without = folder.run("verify-webhook --header-file header --body body");
    assert_eq!(without.code, 8);
    assert!(without.stderr.contains("--signing-secret-file"), "{without}");
}
