use serde_json::json;

use crate::support::{FILE, dev, stdout_of};

#[test]
fn a_new_secret_that_does_not_sign_yet_is_printed_for_the_receivers() {
    let (folder, _server) = dev();
    let before = folder.read(FILE);
    let answer = folder.run("keys rotate-signing-secret");
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(answer.stdout.trim_end().len(), 64, "{answer}");
    assert!(answer.stderr.contains("signed with the old secret until"), "{answer}");
    assert_eq!(folder.read(FILE), before);
}

#[test]
fn a_new_secret_that_signs_at_once_is_written_to_the_file() {
    for (flags, expected) in [
        ("--sign-with both --overlap 48h", "signed with both secrets until"),
        ("--sign-with new", "the old one is deleted at"),
        ("--now", "signed with the new secret from now on"),
    ] {
        let (folder, _server) = dev();
        let (before, old) = (folder.read(FILE), folder.key("TERRA_SIGNING_SECRET"));
        let said = stdout_of(&folder, &format!("keys rotate-signing-secret {flags}"));
        let new = folder.key("TERRA_SIGNING_SECRET");
        assert_ne!(new, old);
        assert_eq!(folder.read(FILE), before.replace(&old, &new));
        assert!(said.contains(expected) && !said.contains(&new), "{said}");

        let (folder, _server) = dev();
        let json = folder.json(&format!("keys rotate-signing-secret {flags}"));
        assert_eq!((&json["written_to"], json["old_until"].is_null()), (&json!(FILE), flags == "--now"));
    }
}

#[test]
fn a_rotation_in_progress_cannot_be_replaced_by_another() {
    let (folder, _server) = dev();
    stdout_of(&folder, "keys rotate-signing-secret --sign-with new");
    let before = folder.read(FILE);
    let second = folder.run("keys rotate-signing-secret --sign-with new");
    assert!(second.code == 1 && second.stderr.contains("a rotation is in progress"), "{second}");
    assert_eq!(folder.read(FILE), before);
}
