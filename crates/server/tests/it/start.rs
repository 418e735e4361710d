//! `/`, and the pages that have credentials on `terra-auth dev`.

use axum::body::Body;
use http::Request;

use crate::support::{Answer, TestApp};

const HOST: &str = "localhost:8787";

async fn get(app: &TestApp, path: &str, host: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).header("host", host).header("accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

async fn press(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/try-widget").header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_start_page_describes_the_server_to_people_and_programs() {
    let app = TestApp::start().await;
    let page = get(&app, "/", "auth.acme.example", &[]).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.contains("href=\"/docs\"") && !page.text.contains("<form"), "{}", page.text);
    let links = app.send(Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(links.json()["docs"], "http://localhost:8787/docs");
}

#[tokio::test]
async fn the_start_page_of_dev_begins_a_widget_session() {
    let app = TestApp::start().await.with_dev_access();
    let page = get(&app, "/", HOST, &[]).await;
    assert!(page.text.contains("<form method=\"post\" action=\"/try-widget\">"), "{}", page.text);
    assert_eq!(get(&app, "/", "127.0.0.1:8787", &[]).await.location().as_str(), "http://localhost:8787/");
    let session = press(&app, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(session.status, 303, "{session:?}");
    let widget = app.page(&crate::support::path_of(&session.location()), &[]).await;
    assert!(widget.text.contains("Connect a device or app"), "{}", widget.text);
    assert_eq!(press(&app, &[("origin", "http://localhost:8787")]).await.status, 303);
}

#[tokio::test]
async fn another_sites_form_begins_no_session() {
    let app = TestApp::start().await.with_dev_access();
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:8787")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ] {
        assert_eq!(press(&app, headers).await.status, 403, "{headers:?}");
    }
    let serve = TestApp::start().await;
    assert_eq!(press(&serve, &[("sec-fetch-site", "same-origin")]).await.status, 404);
}

#[tokio::test]
async fn samples_have_the_credentials_on_this_machine_only() {
    let app = TestApp::start().await.with_dev_access();
    let key = app.keys.api_key.expose().to_owned();
    let path = "/docs/generate_widget_session";
    let page = get(&app, path, HOST, &[]).await;
    assert!(page.text.contains(&key) && page.header("cache-control") == "no-store", "{page:?}");
    assert!(get(&app, "/docs/list_environments", HOST, &[]).await.text.contains("Bearer admin-token-not-a-secret"));
    for (host, headers) in [
        ("evil.example:8787", &[][..]),
        ("127.0.0.1.evil.example", &[]),
        (HOST, &[("x-forwarded-for", "203.0.113.7")]),
        (HOST, &[("forwarded", "for=203.0.113.7")]),
    ] {
        let page = get(&app, path, host, headers).await;
        assert!(page.status == 200 && !page.text.contains(&key), "{host} {headers:?}");
        assert!(page.text.contains("$TERRA_API_KEY"), "{host} {headers:?}");
        assert!(!get(&app, "/", host, headers).await.text.contains("<form"), "{host} {headers:?}");
    }
    let serve = TestApp::start().await;
    assert!(!get(&serve, path, HOST, &[]).await.text.contains(serve.keys.api_key.expose()));
}
