use axum::http::StatusCode;
use terra_auth_sandbox::{Endpoint, ProviderProfile, provider_profiles};

use crate::app::{App, good_request};

#[tokio::test]
async fn every_page_has_a_strict_content_security_policy() {
    let app = App::start();
    let handle = app.open_sign_in_page(&ProviderProfile::FITBIT, "sleep").await;
    let login = app.authorize(&ProviderProfile::FITBIT, &good_request()).await;
    let consent = app.post("fitbit/login", &[("handle", &handle), ("account", "demo")], None).await;
    let error = app.get("fitbit/authorize", None).await;

    for page in [login, consent, error] {
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("form-action"), "Chromium would block the redirect to the app");
        assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
        assert!(!page.text.contains("<script") && !page.text.contains("style="), "{}", page.text);
        assert_eq!(page.text.matches("<h1>").count(), 1);
        assert!(page.text.contains("no real data"));
    }
}

#[tokio::test]
async fn the_consent_page_escapes_the_name_of_the_app() {
    let app = App::start();
    let handle = app.open_sign_in_page(&ProviderProfile::FITBIT, "sleep").await;
    let page = app.post("fitbit/login", &[("handle", &handle), ("account", "demo")], None).await;

    assert!(page.text.contains("Acme &#60;Health&#62;"), "{}", page.text);
    assert!(!page.text.contains("Acme <Health>"));
}

#[tokio::test]
async fn the_stylesheet_has_every_accent_and_the_pages_link_to_it() {
    let app = App::start();
    let sheet = app.get("assets/sandbox.css", None).await;
    let page = app.authorize(&ProviderProfile::OURA, &good_request()).await;

    assert_eq!((sheet.status, sheet.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
    assert!(page.text.contains(r#"href="/sandbox/assets/sandbox.css""#));
    assert!(page.text.contains(r#"class="face-oura""#));
    for face in provider_profiles() {
        assert!(sheet.text.contains(&format!(".face-{} {{ --accent: {}; }}", face.slug, face.accent)));
    }
}

#[test]
fn endpoints_are_below_the_base_url() {
    let sandbox = App::start().sandbox;
    for (endpoint, oura, coros) in [
        (Endpoint::Authorize, "oura/authorize", "coros/authorize"),
        (Endpoint::Token, "oura/token", "coros/token"),
        (Endpoint::Refresh, "oura/token", "coros/refresh-token"),
        (Endpoint::Revoke, "oura/revoke", "coros/revoke"),
        (Endpoint::Userinfo, "oura/userinfo", "coros/userinfo"),
        (Endpoint::Users, "oura/users", "coros/users"),
        (Endpoint::Data, "oura/data", "coros/data"),
        (Endpoint::Introspect, "oura/introspect", "coros/introspect"),
    ] {
        let urls =
            [&ProviderProfile::OURA, &ProviderProfile::COROS].map(|face| sandbox.endpoint(face, endpoint).to_string());
        assert_eq!(urls, [oura, coros].map(|path| format!("http://sandbox.example/sandbox/{path}")));
    }
}

#[test]
fn the_debug_output_of_the_handle_has_no_secret() {
    let shown = format!("{:?}", App::start().sandbox);

    assert_eq!(shown, r#"Sandbox { base_url: "http://sandbox.example/sandbox", .. }"#);
}
