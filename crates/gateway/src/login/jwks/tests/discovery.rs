use std::sync::Arc;

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use terra_auth_testkit::FixedClock;
use url::Url;

use super::{UNAVAILABLE, claims, settings};
use crate::login::{
    Jwt,
    testing::{Answer, Issuer, Signer, caller, http, serve, told},
};

/// The result for a token of an issuer with this metadata; `{own}` is the issuer's origin.
async fn told_after(path: &str, description: Value, name: &str) -> String {
    let signer = Signer::ed25519("1");
    let keys = Issuer::start(Answer::keys(&[&signer])).await;
    let (issuer, served) = describing(path, &description, &keys.url).await;
    let jwt = Jwt::new(&settings(&issuer), None, &http(), Arc::new(FixedClock::default())).unwrap();
    let token = signer.token(&claims(&name.replace("{own}", &served)));
    told(&caller(&jwt, &[("authorization", &format!("Bearer {token}"))]).await)
}

/// Serves a discovery document; returns the issuer's setting and its origin.
async fn describing(path: &str, description: &Value, keys: &Url) -> (String, String) {
    let text = description.to_string().replace("{keys}", keys.as_str());
    let well_known = format!("{path}/.well-known/openid-configuration");
    let answer = async |headers: http::HeaderMap, text: String| {
        let own = format!("http://{}", headers["host"].to_str().unwrap());
        Json(serde_json::from_str::<Value>(&text.replace("{own}", &own)).unwrap())
    };
    let router = Router::new().route(&well_known, get(async move |headers| answer(headers, text).await));
    let url = serve(router).await;
    let origin = url.as_str().trim_end_matches('/').to_owned();
    (format!("{origin}{path}"), origin)
}

#[tokio::test]
async fn the_discovery_document_names_the_url_of_the_keys() {
    let described = json!({ "issuer": "{own}/tenant", "jwks_uri": "{keys}", "more": 1 });
    assert_eq!(told_after("/tenant", described, "{own}/tenant").await, "alice");
}

#[tokio::test]
async fn an_issuer_without_a_path_may_end_with_a_slash() {
    for name in ["{own}", "{own}/"] {
        let described = json!({ "issuer": name, "jwks_uri": "{keys}" });
        assert_eq!(told_after("", described.clone(), name).await, "alice", "{name}");
        let refused = told_after("", described, "{own}//").await;
        assert_eq!(refused, "not logged in: the token is from another issuer");
    }
}

#[tokio::test]
async fn an_invalid_discovery_document_is_rejected() {
    for described in [
        json!({ "issuer": "{own}", "jwks_uri": "{keys}" }),
        json!({ "issuer": "{own}/tenant/", "jwks_uri": "{keys}" }),
        json!({ "issuer": "https://other.example", "jwks_uri": "{keys}" }),
        json!({ "issuer": "{own}/tenant", "jwks_uri": "http://keys.example/" }),
        json!({ "issuer": "{own}/tenant", "jwks_uri": "http://10.0.0.1/" }),
        json!({ "issuer": "{own}/tenant", "jwks_uri": "/keys" }),
        json!({ "issuer": "{own}/tenant" }),
        json!({ "jwks_uri": "{keys}" }),
        json!("{keys}"),
    ] {
        let told = told_after("/tenant", described.clone(), "{own}/tenant").await;
        assert_eq!(told, UNAVAILABLE, "{described}");
    }
}
