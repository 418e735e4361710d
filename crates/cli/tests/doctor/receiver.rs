use axum::http::HeaderMap;
use terra_auth::webhook::{SIGNATURE_HEADER, Verifier};
use terra_auth_cli_testkit::Folder;

use crate::{
    api::{Api, receiver},
    folder::DoctorFolder as _,
};

/// Answers 204 to events signed with `secret`, and 401 to all others.
fn judge(secret: String) -> impl Fn(&HeaderMap, &[u8]) -> u16 + Clone {
    move |headers: &HeaderMap, body: &[u8]| {
        let signature = headers[SIGNATURE_HEADER].to_str().unwrap();
        let time = signature.trim_start_matches("t=").split(',').next().unwrap().parse().unwrap();
        if Verifier::new([&secret]).verify(signature, body, time).is_ok() { 204 } else { 401 }
    }
}

fn findings(judge: impl Fn(&HeaderMap, &[u8]) -> u16 + Clone + Send + Sync + 'static, folder: &Folder) -> String {
    folder.findings("signing-secret", &format!("--gateway-url {}", receiver(judge)))
}

#[test]
fn a_receiver_with_the_right_secret_is_no_finding() {
    let folder = Folder::project(&Api::new().start());
    assert_eq!(findings(judge(folder.value("testing", "TERRA_SIGNING_SECRET")), &folder), "");
}

#[test]
fn a_receiver_with_another_secret_is_found() {
    let folder = Folder::project(&Api::new().start());
    let found = findings(judge("another-not-a-secret".to_owned()), &folder);
    let expected = "the receiver rejects an event signed with the secret here (testing: returned 401)";
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_receiver_that_accepts_every_signature_is_found() {
    let folder = Folder::project(&Api::new().start());
    let found = findings(|_, _| 200, &folder);
    assert!(found.contains("the receiver accepts an event signed with a made-up secret (returned 200)"), "{found}");
}
