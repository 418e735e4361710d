use std::sync::{Arc, atomic::Ordering::Relaxed};

use serde_json::json;
use terra_auth_cli_testkit::Folder;

use crate::{
    api::{Api, DEPRECATED_WIDGET_PATH, closed_proxy, unreachable_url},
    folder::DoctorFolder as _,
};

fn findings(check: &str, api: Api) -> String {
    Folder::project(&api.start()).findings(check, "")
}

#[test]
fn a_wrong_clock_is_a_warning_and_one_that_breaks_webhooks_is_an_error() {
    let skew = |clock_ahead| findings("clock-skew", Api { clock_ahead, ..Api::new() });
    assert_eq!([skew(20), skew(-20)], ["", ""]);
    assert!(skew(60).starts_with("warning testing: this machine's clock is"), "{}", skew(60));
    assert!(skew(-60).contains("s ahead of the API's"), "{}", skew(-60));
    assert!(skew(400).starts_with("error testing: "), "{}", skew(400));
}

#[test]
fn a_user_limit_that_is_near_is_a_warning_and_one_that_is_reached_is_an_error() {
    let cap = |users| findings("user-cap", Api { users, ..Api::new() });
    assert_eq!(cap(39), "");
    assert!(cap(40).starts_with("warning testing: 40 of 50 users are connected"), "{}", cap(40));
    assert!(cap(60).starts_with("error testing: the limit of 50 users is reached"), "{}", cap(60));
}

#[test]
fn a_server_that_redeems_unbound_mobile_tokens_is_an_info_finding() {
    let unbound = |bound_tokens_only| findings("unbound-tokens", Api { bound_tokens_only, ..Api::new() });
    assert!(
        unbound(false).starts_with("info testing: mobile tokens without a reference id are accepted"),
        "{}",
        unbound(false)
    );
    assert_eq!(unbound(true), "");
}

#[test]
fn production_has_no_user_limit() {
    let folder = Folder::new();
    folder.keys("production", &Api { users: 60, ..Api::new() }.start());
    assert_eq!(folder.findings("user-cap", ""), "");
}

#[test]
fn an_api_with_only_the_deprecated_widget_call_is_found() {
    let found = findings("deprecated-widget-call", Api { widget_path: DEPRECATED_WIDGET_PATH, ..Api::new() });
    assert!(found.starts_with("warning testing: only the deprecated widget call responds, at http://"), "{found}");
}

#[test]
fn an_api_without_a_widget_call_is_found() {
    let found = findings("widget-path", Api { widget_path: "/elsewhere", ..Api::new() });
    assert!(found.starts_with("error testing: the API has none of the four paths"), "{found}");
}

#[test]
fn an_api_that_is_unreachable_or_rejects_the_keys_is_found() {
    let refused = findings("api", Api { accepts_keys: false, ..Api::new() });
    assert!(refused.starts_with("error testing: the keys were not accepted"), "{refused}");
    let silent = Folder::project(&unreachable_url()).findings("api", "");
    assert!(silent.starts_with("error testing: nothing listens at 127.0.0.1"), "{silent}");
}

#[test]
fn a_streaming_host_that_does_not_answer_is_a_warning() {
    let folder = Folder::project(&Api::new().start());
    assert_eq!(folder.findings("streaming-host", ""), "");
    let nowhere = unreachable_url().replace("http://", "ws://").replace("/v2", "");
    folder.replace("testing", "TERRA_DEV_ID", &format!("TERRA_STREAMING_URL={nowhere}\nTERRA_DEV_ID"));
    let found = folder.findings("streaming-host", "");
    assert!(found.starts_with(&format!("warning testing: the streaming host {nowhere}/ does not respond")), "{found}");
}

#[test]
fn a_proxy_that_rejects_all_requests_is_found() {
    let proxy = closed_proxy();
    let folder = Folder::project("https://terra.example.invalid/v2").variable("HTTPS_PROXY", &proxy);
    let found = folder.findings("proxy", "");
    let address = proxy.trim_start_matches("http://");
    assert!(found.starts_with(&format!("error testing: no response through the proxy {address}: ")), "{found}");
    assert!(found.ends_with("the API does not respond without it either"), "{found}");
}

#[test]
fn an_unused_proxy_is_not_checked() {
    let folder = Folder::project(&Api::new().start()).variable("HTTPS_PROXY", &closed_proxy());
    assert_eq!(folder.findings("proxy", ""), "");
}

#[test]
fn offline_makes_no_requests() {
    let api = Api::new();
    let asked = Arc::clone(&api.asked);
    let folder = Folder::project(&api.start());
    let report = folder.report("--offline");
    assert_eq!((asked.load(Relaxed), report["checks"].as_array().unwrap().len()), (0, 10));
}

#[test]
fn connected_users_without_a_webhook_destination_are_a_warning() {
    let sent_to = |destination, users| findings("webhook-destination", Api { users, destination, ..Api::new() });
    assert_eq!(sent_to(json!("https://app.example/hooks"), 3), "");
    assert_eq!(sent_to(json!(null), 0), "");
    let nowhere = sent_to(json!(null), 3);
    assert!(
        nowhere.starts_with("warning testing: users are connected, but the environment has no webhook destination"),
        "{nowhere}"
    );
}
