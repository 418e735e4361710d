use axum::body::Body;
use http::{Request, header};
use serde_json::Value;

use crate::world::{Answer, World};

const LIST: &str = "/api/terra/integrations";

impl World {
    /// Asked by a page's `<img>`, which shows no login.
    async fn logo(&self, path: &str, known: &str) -> Answer {
        let request = Request::get(path).header(header::IF_NONE_MATCH, known);
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_page_lists_the_available_providers_with_their_logos() {
    let world = World::start().await;
    let list = world.call("alice", "GET", LIST, Value::Null).await;
    assert_eq!((list.status.as_u16(), &list.json()["status"]), (200, &Value::from("success")));
    let integrations = list.json()["integrations"].as_array().unwrap().clone();
    let fitbit = integrations.iter().find(|integration| integration["resource"] == "FITBIT").unwrap();
    assert_eq!([&fitbit["name"], &fitbit["logo_url"]], ["Fitbit", "/api/terra/logos/FITBIT"]);
    assert_eq!(fitbit.as_object().unwrap().len(), 4, "{fitbit}");

    let logo = world.logo("/api/terra/logos/FITBIT", "").await;
    assert_eq!((logo.status.as_u16(), logo.header("content-type")), (200, "image/svg+xml"));
    assert!(logo.text.starts_with("<svg"), "{logo:?}");
    let again = world.logo("/api/terra/logos/fitbit", logo.header("etag")).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_list_of_providers_requires_a_login() {
    let world = World::start().await;
    let list = world.send(Request::get(LIST).body(Body::empty()).unwrap()).await;
    assert_eq!(list.refusal().0, 401);
}

#[tokio::test]
async fn an_unavailable_provider_has_no_logo() {
    let world = World::start().await;
    for path in
        ["/api/terra/logos/NO_USER", "/api/terra/logos/..%2F..%2Fadmin", "/api/terra/logos/http:%2F%2Fevil.example"]
    {
        assert_eq!(world.logo(path, "*").await.refusal().0, 404, "{path}");
    }
}
