use insta::assert_snapshot;

use crate::support::{Folder, SIGNING_SECRET, nowhere};

const BODY: &str = r#"{"type":"auth"}"#;
const SIGNED_AT: i64 = 1_893_456_000;

/// A folder with a delivery that was signed with `secret`.
fn delivery(secret: &str) -> Folder {
    let folder = Folder::with_keys(&nowhere());
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
fn the_time_is_bounded_by_the_tolerance() {
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
    next: give the time when it was received with --at; else it may be a replay, or a clock is wrong
    ");
}

#[test]
fn a_line_break_that_was_added_to_the_body_is_recognised() {
    let answer =
        delivery(SIGNING_SECRET).run_with("verify-webhook --header-file header --at 1893456000", &format!("{BODY}\n"));
    assert_eq!(answer.code, 9);
    assert!(answer.stderr.contains("fits without the line break"), "{answer}");
}

#[test]
fn the_secret_of_another_environment_is_recognised() {
    let folder = delivery("staging-not-a-secret");
    let keys = "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY=staging-key-not-a-secret\n";
    folder.write(".env.terra.staging", &format!("{keys}TERRA_SIGNING_SECRET=staging-not-a-secret\n"));
    let answer = folder.run("verify-webhook --header-file header --body body --at 1893456000");
    assert_eq!(answer.code, 9);
    assert!(answer.stderr.contains("fits staging's secret: choose it with --env staging"), "{answer}");
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let folder = delivery(SIGNING_SECRET);
    assert_eq!(folder.run("verify-webhook --body body").code, 2);
    assert_eq!(folder.run("verify-webhook --signature t=1 --body nowhere").code, 1);
    let malformed = folder.run("verify-webhook --signature v1 --body body");
    assert_eq!(malformed.code, 9);
    assert!(malformed.stderr.contains("give the header's whole value"), "{malformed}");

    let secret = format!("TERRA_SIGNING_SECRET={SIGNING_SECRET}\n");
    folder.write(".env.terra.testing", &folder.read(".env.terra.testing").replace(&secret, ""));
    let without = folder.run("verify-webhook --header-file header --body body");
    assert_eq!(without.code, 8);
    assert!(without.stderr.contains("--signing-secret-file"), "{without}");
}
