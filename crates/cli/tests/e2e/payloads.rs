//! Checks the events that an app receives against the published schema of each type.

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use serde_json::{Value, json};
use terra_auth::{
    Environment,
    webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, Verifier},
};
use terra_auth_cli_testkit::{Folder, Received, Receiver};

use crate::{
    official::{run_with_stdin, script},
    support::schema,
};

/// The events of a complete connection life cycle, as an app received them.
struct LifecycleEvents {
    deliveries: Vec<Received>,
    signing_secret: String,
    dev_id: String,
}

static LIFECYCLE: LazyLock<LifecycleEvents> = LazyLock::new(|| {
    let receiver = Receiver::start();
    let folder = Folder::new();
    let _server = folder.dev(&format!("--forward-to {}", receiver.url));
    folder.connect("FITBIT", "alice");
    let again = folder.connect("FITBIT", "alice");
    folder.json(&format!("deauthenticate-user {again} --yes"));
    folder.json("sandbox connect --provider OURA --reference-id bob --deny");
    let deliveries = receiver.wait_for(5);
    let dev_id = folder.credentials(Environment::Testing).dev_id.to_string();
    LifecycleEvents { deliveries, signing_secret: folder.key("TERRA_SIGNING_SECRET"), dev_id }
});

/// The received bodies by type; two of them are `auth`.
fn bodies() -> BTreeMap<String, Vec<Value>> {
    let mut bodies = BTreeMap::<_, Vec<_>>::new();
    for delivery in &LIFECYCLE.deliveries {
        let body = delivery.json();
        bodies.entry(body["type"].as_str().unwrap().to_owned()).or_default().push(body);
    }
    bodies
}

#[test]
fn every_event_matches_the_published_schema() {
    let counts: Vec<_> = bodies().iter().map(|(kind, bodies)| (kind.clone(), bodies.len())).collect();
    let expected = [("auth", 2), ("auth_cancelled", 1), ("deauth", 1), ("user_reauth", 1)];
    assert_eq!(counts, expected.map(|(kind, count)| (kind.to_owned(), count)));

    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/schema");
    for (kind, body) in bodies().iter().flat_map(|(kind, bodies)| bodies.iter().map(move |body| (kind, body))) {
        assert_eq!(schema::faults(&schemas, &format!("{kind}.json"), body), Vec::<String>::new(), "{body:#}");
    }
}

#[test]
fn a_body_that_violates_the_schema_is_detected() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/schema");
    let mut body = bodies()["deauth"][0].clone();
    body["status"] = json!("error");
    body["user"]["created_at"] = json!("2030-01-01T00:00:00Z");
    body.as_object_mut().unwrap().remove("message");
    assert_eq!(
        schema::faults(&schemas, "deauth.json", &body),
        [
            r#"/status: const "success", not "error""#,
            r#"/user/created_at: format "date-time", not "2030-01-01T00:00:00Z""#,
            r#": "message" is missing"#,
        ]
    );
}

#[test]
fn events_name_their_user_and_the_user_that_was_replaced() {
    let bodies = bodies();
    let users: Vec<_> = bodies["auth"].iter().map(|body| body["user"]["user_id"].clone()).collect();
    let (reauth, deauth, cancelled) = (&bodies["user_reauth"][0], &bodies["deauth"][0], &bodies["auth_cancelled"][0]);

    assert_eq!(bodies["auth"][0]["reference_id"], "alice");
    assert_eq!(bodies["auth"][0]["user"]["reference_id"], "alice");
    assert!([&reauth["old_user"]["user_id"], &reauth["new_user"]["user_id"]].iter().all(|id| users.contains(id)));
    assert_ne!(reauth["old_user"]["user_id"], reauth["new_user"]["user_id"]);
    assert_eq!(deauth["user"]["user_id"], reauth["new_user"]["user_id"]);
    let replaced = bodies["auth"].iter().find(|body| body["user"]["user_id"] == reauth["old_user"]["user_id"]);
    assert_eq!(replaced.unwrap()["user"]["created_at"], reauth["old_user"]["created_at"]);
    assert_eq!((&cancelled["reason"], &cancelled["reference_id"]), (&json!("access_denied"), &json!("bob")));
}

#[test]
fn every_delivery_has_the_published_headers() {
    let verifier = Verifier::new([LIFECYCLE.signing_secret.as_str()]);
    for delivery in &LIFECYCLE.deliveries {
        let signature = delivery.header(SIGNATURE_HEADER);
        assert_eq!(
            (SIGNATURE_HEADER, SIGNATURE_HEADER_NEW.to_ascii_lowercase().as_str()),
            ("terra-signature", "x-terra-signature")
        );
        assert_eq!(delivery.header(SIGNATURE_HEADER_NEW), signature);
        let signed_at = signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()).unwrap();
        assert_eq!(verifier.verify(signature, &delivery.body, signed_at.parse().unwrap()).map(drop), Ok(()));
        assert_eq!(delivery.header("content-type"), "application/json");
        assert_eq!(delivery.header("dev-id"), LIFECYCLE.dev_id);
        assert!(!delivery.header("terra-reference").is_empty());
    }
    let mut trace_ids: Vec<_> = LIFECYCLE.deliveries.iter().map(Received::trace_id).collect();
    trace_ids.sort_unstable();
    trace_ids.dedup();
    assert_eq!(trace_ids.len(), LIFECYCLE.deliveries.len());
}

/// The models reject `auth_cancelled`, even Terra's own example, so it is left out.
#[test]
fn the_official_python_models_parse_our_events() {
    let mut bodies = bodies();
    bodies.remove("auth_cancelled");
    let (code, stdout) = run_with_stdin(&mut script("events.py"), json!(bodies).to_string().as_bytes());
    assert_eq!((code, &*stdout), (0, "ok auth\nok auth\nok deauth\nok user_reauth\n4 checks passed\n"));
}
