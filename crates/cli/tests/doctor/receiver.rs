use axum::http::HeaderMap;
use terra_auth::webhook::{SIGNATURE_HEADER, Verifier};

use crate::{
    api::{Api, receiver},
    folder::Folder,
};

/// 204 to what is signed with `secret`, and 401 to all else.
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
fn a_receiver_that_has_the_secret_is_fine() {
    let folder = Folder::project(&Api::new().start());
    assert_eq!(findings(judge(folder.value("testing", "TERRA_SIGNING_SECRET")), &folder), "");
}

#[test]
fn a_receiver_with_another_secret_is_found() {
    let folder = Folder::project(&Api::new().start());
    let found = findings(judge("another-not-a-secret".to_owned()), &folder);
    assert!(found.contains("an event signed with the secret here is not accepted (testing: answered 401)"), "{found}");
}

#[test]
fn a_receiver_that_believes_everything_is_found() {
    let folder = Folder::project(&Api::new().start());
    let found = findings(|_, _| 200, &folder);
    assert!(found.contains("an event signed with a made-up secret is accepted (answered 200)"), "{found}");
}
