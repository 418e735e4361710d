use serde_json::json;

use crate::support::{FILE, dev, said};

#[test]
fn a_secret_that_does_not_sign_yet_is_printed_for_the_receivers() {
    let (folder, _server) = dev();
    let before = folder.read(FILE);
    let answer = folder.run("keys rotate-signing-secret");
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(answer.stdout.trim_end().len(), 64, "{answer}");
    assert!(answer.stderr.contains("signed with the old one until"), "{answer}");
    assert_eq!(folder.read(FILE), before);
}

#[test]
fn a_secret_that_signs_is_written_into_the_file() {
    for (flags, told) in [
        ("--sign-with both --overlap 48h", "signed with both until"),
        ("--sign-with new", "the old one is forgotten at"),
        ("--now", "signed with it from now on"),
    ] {
        let (folder, _server) = dev();
        let (before, old) = (folder.read(FILE), folder.key("TERRA_SIGNING_SECRET"));
        let said = said(&folder, &format!("keys rotate-signing-secret {flags}"));
        let new = folder.key("TERRA_SIGNING_SECRET");
        assert_ne!(new, old);
        assert_eq!(folder.read(FILE), before.replace(&old, &new));
        assert!(said.contains(told) && !said.contains(&new), "{said}");

        let (folder, _server) = dev();
        let json = folder.json(&format!("keys rotate-signing-secret {flags}"));
        assert_eq!((&json["written_to"], json["old_until"].is_null()), (&json!(FILE), flags == "--now"));
    }
}

#[test]
fn a_replacement_that_is_under_way_is_not_replaced() {
    let (folder, _server) = dev();
    said(&folder, "keys rotate-signing-secret --sign-with new");
    let before = folder.read(FILE);
    let second = folder.run("keys rotate-signing-secret --sign-with new");
    assert!(second.code == 1 && second.stderr.contains("replacing another"), "{second}");
    assert_eq!(folder.read(FILE), before);
}
