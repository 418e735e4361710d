use serde_json::json;
use terra_auth::Error;

use crate::peer::{Peer, answer, json as ok};

#[tokio::test]
async fn integrations_are_listed_without_the_api_key() {
    let peer = Peer::start(|_, _| {
        ok(&json!({"status": "success", "providers": [{"provider": "FITBIT", "name": "Fitbit",
            "icon": "https://example.com/f.webp", "setup": "API_KEYS_MANAGED", "enabled": true,
            "types": {"activity": true, "sleep": true}}]}))
    });
    let peer = peer.await;
    let integrations = peer.client().list_integrations().await.unwrap();
    assert_eq!(
        serde_json::to_value(&integrations).unwrap(),
        json!([{"name": "Fitbit", "resource": "FITBIT", "logo_url": "https://example.com/f.webp",
            "setup": "API_KEYS_MANAGED", "enabled": true, "types": {"activity": true, "body": false,
            "nutrition": false, "daily": false, "sleep": true, "menstruation": false}}])
    );
    let seen = &peer.seen()[0];
    assert_eq!(seen.line, "GET /v2/integrations/detailed?sdk=true");
    assert_eq!((seen.headers.get("dev-id").is_some(), seen.headers.get("x-api-key")), (true, None));
}

#[tokio::test]
async fn a_server_without_descriptions_lists_names() {
    for sdk in ["sdk_providers", "sdk_resource"] {
        let peer = Peer::start(move |seen, _| match seen.line.as_str() {
            "GET /v2/integrations" => ok(&json!({"providers": ["FITBIT"], sdk: ["APPLE"], "status": "success"})),
            _ => answer(404, ""),
        });
        let integrations = peer.await.client().list_integrations().await.unwrap();
        let names: Vec<&str> = integrations.iter().map(|integration| integration.resource.as_str()).collect();
        assert_eq!(names, ["FITBIT", "APPLE"]);
    }
}

#[tokio::test]
async fn names_without_descriptions_have_the_logos_that_a_server_adds() {
    for (added, expected) in [
        (json!([{"name": "Fitbit", "resource": "FITBIT", "logo_url": "https://e.example/f.svg"}]), "Fitbit"),
        (json!([{"label": "of another shape"}]), "FITBIT"),
        (json!("of another type"), "FITBIT"),
    ] {
        let peer = Peer::start(move |seen, _| match seen.line.as_str() {
            "GET /v2/integrations" => ok(&json!({"providers": ["FITBIT"], "integrations": added})),
            _ => answer(404, ""),
        });
        let integrations = peer.await.client().list_integrations().await.unwrap();
        assert_eq!((integrations.len(), integrations[0].name.as_str()), (1, expected));
        assert_eq!(integrations[0].logo_url.as_deref(), (expected == "Fitbit").then_some("https://e.example/f.svg"));
    }
}

#[tokio::test]
async fn a_connection_is_verified_with_both_keys() {
    let peer = Peer::start(|seen, _| match seen.line.as_str() {
        "GET /v2/integrations/detailed?sdk=true" => ok(&json!({"status": "success", "providers": []})),
        _ => answer(401, r#"{"title":"unauthorized"}"#),
    });
    let peer = peer.await;
    assert!(peer.client().list_integrations().await.is_ok());
    let error = peer.client().verify_connection().await.unwrap_err();
    assert!(matches!(error, Error::NotAuthenticated(_)));
    assert_eq!(peer.lines()[1..], ["GET /v2/subscriptions?page=0&per_page=1"]);
    assert_eq!(peer.seen()[1].headers["x-api-key"], crate::peer::API_KEY);
}

#[tokio::test]
async fn a_verified_connection_lists_the_providers() {
    let peer = Peer::start(|seen, _| match seen.line.as_str() {
        "GET /v2/subscriptions?page=0&per_page=1" => ok(&json!({"next": null, "max_page": 0, "results": []})),
        _ => ok(&json!({"status": "success", "providers": [{"provider": "FITBIT", "name": "Fitbit"}]})),
    });
    assert_eq!(peer.await.client().verify_connection().await.unwrap().len(), 1);
}
