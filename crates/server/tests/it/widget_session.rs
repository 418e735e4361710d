use axum::body::Body;
use http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_types::wire::admin::ChangeEnvironment;

use crate::support::TestApp;

#[tokio::test]
async fn a_session_is_a_url_for_fifteen_minutes() {
    let app = TestApp::start().await;
    for path in ["/v2/auth/generateWidgetSession", "/api/v2/auth/generateWidgetSession?"] {
        let answer = app.post(path, json!({"reference_id": "alice"})).await;
        let body = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &body["status"], &body["expires_in"]),
            (200, &json!("success"), &json!(900))
        );
        assert_eq!(body["expires_at"], "2030-01-01T00:15:00Z");
        assert_eq!(answer.header("deprecation"), "@1793664000");
        let url = body["url"].as_str().unwrap();
        let id = body["session_id"].as_str().unwrap();
        assert!(url.starts_with(&format!("http://localhost:8787/session/{id}/")), "{url}");
    }
}

#[tokio::test]
async fn the_current_operation_returns_201_on_all_three_paths() {
    let app = TestApp::start().await;
    for path in ["/api/widget/session", "/widget/session", "/widget/api/session"] {
        let answer = app.post(path, json!({"providers": "FITBIT,NOPE,APPLE"})).await;
        assert_eq!(answer.status, 201, "{path}");
        assert_eq!(answer.json()["expires_at"], "2030-01-01T00:15:00Z", "{path}");
        assert_eq!(
            answer.json()["warnings"],
            json!(["NOPE is unknown", "APPLE connects on a phone, with a mobile token"])
        );
    }
}

#[tokio::test]
async fn the_current_operation_has_its_own_error_bodies() {
    let app = TestApp::start().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let bad_uid = app.post("/api/widget/session", json!({"connected_uids": ["nonsense"]})).await;
    let foreign = app.post("/api/widget/session", json!({"connected_uids": [unknown]})).await;
    let nobody = app.send(Request::post("/api/widget/session").body(Body::empty()).unwrap()).await;

    assert_eq!((bad_uid.status.as_u16(), &bad_uid.json()["invalid_user_ids"]), (400, &json!(["nonsense"])));
    assert_eq!((foreign.status.as_u16(), &foreign.json()["invalid_user_ids"]), (400, &json!([unknown])));
    assert_eq!(
        (nobody.status.as_u16(), nobody.json()),
        (403, json!({"message": "dev-id or x-api-key headers are missing", "status": "error"}))
    );
}

#[tokio::test]
async fn the_requests_of_official_clients_are_accepted() {
    let app = TestApp::start().await;
    let path = "/v2/auth/generateWidgetSession";
    let json_type = |body: &'static str| {
        app.request("POST", path).header("content-type", "application/json").body(Body::from(body)).unwrap()
    };
    let empty = app.send(json_type("")).await;
    let nulls = app.send(json_type(r#"{"reference_id":null,"providers":null,"use_terra_avengers_app":false}"#)).await;
    let unknown = app.send(json_type(r#"{"no_such_field":[1,{"a":null}]}"#)).await;
    let in_query = app.post_nothing(&format!("{path}?providers=FITBIT&show_disconnect=true&language=en")).await;
    let resource_in_body =
        app.post("/v2/auth/authenticateUser?", json!({"resource": "FITBIT", "reference_id": null})).await;

    for answer in [empty, nulls, unknown, in_query, resource_in_body] {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn providers_are_read_as_an_array_too_with_a_warning() {
    let app = TestApp::start().await;
    let hosted =
        "providers was sent as a JSON array; the hosted API takes comma-separated text only, such as \"FITBIT,GARMIN\"";
    let unknown = "NOPE is unknown";
    for (providers, warnings) in [
        (json!("fitbit,GARMIN"), json!(null)),
        (json!(["FITBIT", "GARMIN"]), json!([hosted])),
        (json!(["fitbit", null, " Garmin "]), json!([hosted])),
        (json!(["FITBIT,GARMIN"]), json!([hosted])),
        (json!(["FITBIT", "GARMIN", "NOPE"]), json!([hosted, unknown])),
    ] {
        for path in ["/v2/auth/generateWidgetSession", "/api/widget/session"] {
            let session = app.post(path, json!({"providers": providers})).await.json();
            assert_eq!(session["warnings"], warnings, "{providers}");
            let page = app.page(session["url"].as_str().unwrap(), &[]).await.text;
            let offered = ["connect/fitbit", "connect/garmin", "connect/oura"].map(|link| page.contains(link));
            assert_eq!(offered, [true, true, false], "{providers}: {page}");
        }
    }
    for everything in [json!([]), json!([null]), json!(["ALL"])] {
        let session = app.post("/api/widget/session", json!({"providers": everything})).await.json();
        assert_eq!(session["warnings"], json!([hosted]));
        assert!(app.page(session["url"].as_str().unwrap(), &[]).await.text.contains("connect/oura"), "{everything}");
    }
}

#[tokio::test]
async fn malformed_session_requests_are_rejected_with_the_reason() {
    let app = TestApp::start().await;
    for (body, detail) in [
        (
            json!({"auth_success_redirect_url": "http://evil.example/"}),
            "invalid auth_success_redirect_url: must be https (http is for loopback only)",
        ),
        (
            json!({"auth_failure_redirect_url": "javascript:alert(1)"}),
            "invalid auth_failure_redirect_url: this scheme is not allowed: use https, a scheme in reverse domain order such as \
             com.example.app, or name the scheme on the redirect allow-list",
        ),
        (
            json!({"reference_id": "x".repeat(513)}),
            "invalid reference_id: 1 to 512 bytes of text without control characters",
        ),
        (json!({"providers": "NOPE"}), "no provider can be offered: NOPE is unknown"),
        (json!({"providers": ["NOPE", null]}), "no provider can be offered: NOPE is unknown"),
        (
            json!({"providers": 5}),
            "invalid providers: invalid type: integer `5`, expected comma-separated names or an array of names",
        ),
        (json!({"providers": ["FITBIT", 5]}), "invalid providers[1]: invalid type: integer `5`, expected a string"),
        (
            json!({"multi_auth": "perhaps"}),
            "invalid multi_auth: invalid value: string \"perhaps\", expected true or false",
        ),
    ] {
        let answer = app.post("/v2/auth/generateWidgetSession", body).await;
        assert_eq!(answer.problem(), (400, detail.to_owned()));
    }
    for path in [
        "/v2/auth/authenticateUser",
        "/v2/auth/authenticateUser?resource=",
        "/v2/auth/authenticateUser?resource=NOPE",
        "/v2/auth/authenticateUser?resource=APPLE",
    ] {
        assert_eq!(app.post_nothing(path).await.problem().0, 400, "{path}");
    }
}

#[tokio::test]
async fn an_allow_list_decides_where_sessions_lead() {
    let app = TestApp::start().await;
    let redirect_allow_list = Some(vec!["https://acme.example/app".parse().unwrap()]);
    app.change(ChangeEnvironment { redirect_allow_list, ..ChangeEnvironment::default() }).await;
    let session = |url: &str| app.post("/v2/auth/generateWidgetSession", json!({"auth_success_redirect_url": url}));
    assert_eq!(session("https://acme.example/app/done").await.status, 200);
    let refused = session("https://acme.example.evil.example/app").await.problem();
    assert_eq!(refused.1, "invalid auth_success_redirect_url: not on this environment's redirect allow-list");
}

#[tokio::test]
async fn a_session_opens_until_900_seconds_exactly_and_with_its_secret_only() {
    let app = TestApp::start().await;
    let page = app.session(json!({"auth_failure_redirect_url": "https://acme.example/failed"})).await;
    let wrong_secret = format!("{}0", &page[..page.len() - 1]);
    let wrong_secret = if wrong_secret == page { format!("{}1", &page[..page.len() - 1]) } else { wrong_secret };
    app.clock.advance(SignedDuration::from_millis(899_999));
    let open = app.page(&page, &[]).await;
    let closed_to_strangers = app.page(&wrong_secret, &[]).await;
    app.clock.advance(SignedDuration::from_millis(1));
    let expired = app.page(&page, &[]).await;

    assert_eq!((open.status.as_u16(), closed_to_strangers.status.as_u16(), expired.status.as_u16()), (200, 404, 410));
    assert!(expired.text.contains("https://acme.example/failed?reference_id=null"), "{}", expired.text);
}

#[tokio::test]
async fn integrations_are_public_and_narrowed_by_a_dev_id() {
    let app = TestApp::start().await;
    let providers = Some(Some(vec!["FITBIT".parse().unwrap()]));
    app.change(ChangeEnvironment { providers, ..ChangeEnvironment::default() }).await;
    let public = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    let names = app.send(public("/v2/integrations?")).await.json();
    let detailed = app.send(public("/v2/integrations/detailed")).await.json();
    let with_sdk = app.send(public("/v2/integrations/detailed?sdk=true")).await.json();
    let narrowed = app.get("/v2/integrations/detailed?sdk=true").await.json();
    let count = |body: &Value| body["providers"].as_array().unwrap().len();

    assert_eq!((count(&names), names["sdk_providers"].as_array().unwrap().len()), (13, 3));
    assert_eq!((count(&detailed), count(&with_sdk), count(&narrowed)), (13, 16, 1));
    assert_eq!(
        (&narrowed["providers"][0]["provider"], &narrowed["providers"][0]["enabled"]),
        (&json!("FITBIT"), &json!(true))
    );
    let icon: url::Url = narrowed["providers"][0]["icon"].as_str().unwrap().parse().unwrap();
    let icon = app.send(public(icon.path())).await;
    assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/svg+xml"));
}

#[tokio::test]
async fn every_integration_has_a_name_a_resource_and_a_logo_that_loads() {
    let app = TestApp::start().await;
    let public = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    for path in ["/v2/integrations", "/api/v2/integrations"] {
        let names = app.send(public(path)).await.json();
        let integrations = names["integrations"].as_array().unwrap();
        let resources: Vec<&Value> = integrations.iter().map(|integration| &integration["resource"]).collect();
        let of = |field: &str| names[field].as_array().unwrap().iter();
        assert_eq!(resources, of("providers").chain(of("sdk_providers")).collect::<Vec<_>>());
        let fitbit = integrations.iter().find(|integration| integration["resource"] == "FITBIT").unwrap();
        let logo_url = "http://localhost:8787/assets/provider/fitbit.svg";
        assert_eq!(fitbit, &json!({"name": "Fitbit", "resource": "FITBIT", "logo_url": logo_url}));
        for integration in integrations {
            let logo: url::Url = integration["logo_url"].as_str().unwrap().parse().unwrap();
            let logo = app.send(public(logo.path())).await;
            assert_eq!((logo.status.as_u16(), logo.header("content-type")), (200, "image/svg+xml"), "{integration}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_offered_says_which_of_four_reasons_it_is() {
    let app = TestApp::start().await;
    let refused = async |providers: &str| {
        app.post("/v2/auth/generateWidgetSession", json!({ "providers": providers })).await.refusal()
    };
    for (providers, code, detail) in [
        ("APPLE", "provider_on_device", "APPLE connects on a phone, with a mobile token"),
        ("FITBTI", "provider_unknown", "FITBTI is unknown, did you mean FITBIT?"),
        (
            "apple,gramin",
            "provider_on_device",
            "APPLE connects on a phone, with a mobile token; gramin is unknown, did you mean GARMIN?",
        ),
        ("nothing like it", "provider_unknown", "nothing like it is unknown"),
    ] {
        let expected = (400, code.to_owned(), format!("no provider can be offered: {detail}"));
        assert_eq!(refused(providers).await, expected, "{providers}");
    }
    app.change(ChangeEnvironment {
        providers: Some(Some(vec!["GARMIN".parse().unwrap()])),
        ..ChangeEnvironment::default()
    })
    .await;
    let (_, code, detail) = refused("FITBIT").await;
    assert_eq!(
        (&*code, &*detail),
        ("provider_not_enabled", "no provider can be offered: FITBIT is not enabled in this environment")
    );
}
