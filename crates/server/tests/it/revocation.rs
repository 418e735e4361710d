//! Grants that are revoked at the provider, and the reports of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{Json, Router, extract::State, http::Uri, routing::post};
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_core::outbox::QueueCapacity;
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_types::wire::admin::Role;
use tokio::net::TcpListener;

use crate::support::{Answer, TestApp, query};

/// The faces whose revocation takes a live access token.
const BY_ACCESS_TOKEN: [&ProviderProfile; 5] = [
    &ProviderProfile::GARMIN,
    &ProviderProfile::WHOOP,
    &ProviderProfile::POLAR,
    &ProviderProfile::SUUNTO,
    &ProviderProfile::WAHOO,
];

async fn deauthenticate(app: &TestApp, user: &str) {
    assert_eq!(app.delete(&format!("/v2/auth/deauthenticateUser?user_id={user}")).await.status, 200);
}

/// Tries everything that is due, as the courier does.
async fn revoke_due(app: &TestApp) {
    for claimed in app.auth.claim_revocations(QueueCapacity::even(32, 32)).await.unwrap().due {
        app.auth.revoke(&claimed).await.unwrap();
    }
}

#[tokio::test]
async fn repeated_logins_do_not_exhaust_the_grants_of_a_provider() {
    let app = TestApp::start().await;
    for _ in 0..12 {
        app.connected_user("WAHOO", "alice").await;
        revoke_due(&app).await;
    }
    let live = app.sandbox.grants(&ProviderProfile::WAHOO).into_iter().filter(|grant| !grant.revoked).count();
    assert_eq!(live, 1);
}

async fn reports(app: &TestApp, query: &str) -> Answer {
    let path = format!("/environments/{}/revocations{query}", app.keys.dev_id);
    app.admin(&app.token(Role::ReadOnly).await, "GET", &path, Value::Null).await
}

/// Outcome and reason of every report, the newest first.
async fn verdicts(app: &TestApp) -> Vec<(String, Value)> {
    let reports = reports(app, "").await.json();
    let verdict = |report: &Value| (report["outcome"].as_str().unwrap().to_owned(), report["reason"].clone());
    reports["revocations"].as_array().unwrap().iter().map(verdict).collect()
}

#[tokio::test]
async fn a_revocation_report_has_the_response_of_the_provider() {
    let app = TestApp::start().await;
    let user = app.connected_user("FITBIT", "alice").await;
    deauthenticate(&app, &user).await;
    app.sandbox.set_next_faults(&ProviderProfile::FITBIT, [Some(Fault::ServerError)]);
    revoke_due(&app).await;
    let report = json!({
        "user_id": user, "provider": "FITBIT", "outcome": "pending", "reason": "refused",
        "asked_at": "2030-01-01T00:00:00Z", "attempts": 1, "last_attempt_at": "2030-01-01T00:00:00Z",
        "next_attempt_at": "2030-01-01T00:00:30Z", "ended_at": null, "status": 500, "code": null,
    });
    assert_eq!(reports(&app, "").await.json(), json!({ "revocations": [report], "next": null }));

    app.clock.advance(SignedDuration::from_secs(30));
    revoke_due(&app).await;
    let report = json!({
        "user_id": user, "provider": "FITBIT", "outcome": "confirmed", "reason": null,
        "asked_at": "2030-01-01T00:00:00Z", "attempts": 2, "last_attempt_at": "2030-01-01T00:00:30Z",
        "next_attempt_at": null, "ended_at": "2030-01-01T00:00:30Z", "status": 200, "code": null,
    });
    assert_eq!(reports(&app, "").await.json(), json!({ "revocations": [report], "next": null }));
    assert!(app.sandbox.grants(&ProviderProfile::FITBIT)[0].revoked);
}

#[tokio::test]
async fn a_grant_with_an_expired_access_token_is_revoked() {
    let app = TestApp::start().await;
    for face in BY_ACCESS_TOKEN {
        let user = app.connected_user(&face.slug.to_uppercase(), "alice").await;
        app.clock.advance(SignedDuration::from_hours(9));
        deauthenticate(&app, &user).await;
        revoke_due(&app).await;
        let report = reports(&app, &format!("?user_id={user}")).await.json()["revocations"][0].clone();
        assert_eq!((&report["outcome"], &report["attempts"]), (&json!("confirmed"), &json!(1)), "{report}");
        assert!(app.sandbox.grants(face).iter().all(|grant| grant.revoked), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_grant_that_the_end_user_revoked_counts_as_revoked() {
    let app = TestApp::start().await;
    for face in BY_ACCESS_TOKEN {
        let user = app.connected_user(&face.slug.to_uppercase(), "alice").await;
        app.sandbox.revoke_account(face, "demo");
        deauthenticate(&app, &user).await;
        revoke_due(&app).await;
        let report = reports(&app, &format!("?user_id={user}")).await.json()["revocations"][0].clone();
        let expected = (&json!("already_gone"), &json!("refresh_refused"));
        assert_eq!((&report["outcome"], &report["reason"]), expected, "{}: {report}", face.slug);
    }
}

#[tokio::test]
async fn a_grant_is_not_revoked_before_the_last_connection_of_its_account_ends() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.connected_user("POLAR", "alice").await, app.connected_user("POLAR", "bob").await);
    deauthenticate(&app, &alice).await;
    revoke_due(&app).await;
    assert_eq!(verdicts(&app).await, [("not_needed".to_owned(), json!("other_connections"))]);
    assert!(app.sandbox.grants(&ProviderProfile::POLAR).iter().all(|grant| !grant.revoked));

    app.clock.advance(SignedDuration::from_secs(1));
    deauthenticate(&app, &bob).await;
    revoke_due(&app).await;
    assert_eq!(verdicts(&app).await[0], ("confirmed".to_owned(), Value::Null));
    assert!(app.sandbox.grants(&ProviderProfile::POLAR).iter().all(|grant| grant.revoked));
}

#[tokio::test]
async fn a_returning_user_keeps_the_new_grant() {
    let app = TestApp::start().await;
    app.connected_user("POLAR", "alice").await;
    let again = app.connected_user("POLAR", "alice").await;
    revoke_due(&app).await;
    assert_eq!(verdicts(&app).await, [("not_needed".to_owned(), json!("replaced"))]);
    assert!(app.sandbox.grants(&ProviderProfile::POLAR).iter().all(|grant| !grant.revoked));
    let shown = app.get(&format!("/v2/userInfo?user_id={again}")).await.json();
    assert_eq!(shown["user"]["active"], true);
}

#[tokio::test]
async fn a_login_before_the_pending_revocation_keeps_the_new_grant() {
    let app = TestApp::start().await;
    let user = app.connected_user("POLAR", "alice").await;
    deauthenticate(&app, &user).await;
    app.connected_user("POLAR", "alice").await;
    revoke_due(&app).await;
    assert_eq!(verdicts(&app).await, [("not_needed".to_owned(), json!("other_connections"))]);
    assert!(app.sandbox.grants(&ProviderProfile::POLAR).iter().all(|grant| !grant.revoked));
}

#[tokio::test]
async fn reports_come_page_by_page_and_for_one_environment() {
    let mut app = TestApp::start().await;
    for account in ["one", "two", "three"] {
        let user = app.connected_account("OURA", account, account).await;
        deauthenticate(&app, &user).await;
    }
    let (mut users, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = reports(&app, &query).await.json();
        let found = page["revocations"].as_array().unwrap();
        users.extend(found.iter().map(|report| report["user_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 3);
    let one = reports(&app, &format!("?user_id={}", users[1])).await.json();
    assert_eq!(
        (one["revocations"].as_array().unwrap().len(), &one["revocations"][0]["user_id"]),
        (1, &json!(users[1]))
    );

    app.keys = app.another().await;
    assert_eq!(reports(&app, &format!("?user_id={}", users[1])).await.json()["revocations"], json!([]));
}

#[tokio::test]
async fn an_invalid_query_of_the_reports_is_rejected() {
    let mut app = TestApp::start().await;
    for query in ["?after=yesterday", "?after=1.2", "?after=.", "?user_id=alice", "?limit=x", "?nosuch=1"] {
        assert_eq!(reports(&app, query).await.status, 400, "{query}");
    }
    app.keys.dev_id = "nosuch".parse().unwrap();
    assert_eq!(reports(&app, "").await.status, 404);
}

/// A provider whose revocation ends one grant. Below `/again` it gives the same refresh token at each login.
async fn provider() -> String {
    let logins = Arc::new(AtomicU32::new(0));
    let token = |path: Uri, State(logins): State<Arc<AtomicU32>>| async move {
        let login = logins.fetch_add(1, Ordering::Relaxed);
        let grant = if path.path().contains("again") { 0 } else { login };
        Json(
            json!({ "access_token": format!("access-{login}"), "refresh_token": format!("refresh-{grant}"), "user_id": "1" }),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router =
        Router::new().route("/{kind}/token", post(token)).route("/revoke", post(async || ())).with_state(logins);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_token_issued_twice_is_not_revoked_for_a_returning_user() {
    for (kind, expected) in [("again", ("not_needed", json!("replaced"))), ("anew", ("confirmed", Value::Null))] {
        let url = provider().await;
        let app = TestApp::start_with_recipes(&format!(
            "[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = [\"sleep\"]\n[provider.login]\n\
             authorize_url = \"{url}/authorize\"\ntoken_url = \"{url}/{kind}/token\"\nclient_auth = \"body\"\n\
             identity = {{ field = \"user_id\" }}\nrevoke = {{ url = \"{url}/revoke\", ends = \"grant\" }}\n"
        ))
        .await;
        for _ in 0..2 {
            let session = app.session(json!({"providers": "ACME", "reference_id": "alice"})).await;
            let departure = app.page(&session, &[]).await;
            let cookie = departure.header("set-cookie").split(';').next().unwrap().to_owned();
            let back = format!("/auth/acme/oauth2?code=any&state={}", query(&departure.location(), "state").unwrap());
            assert_eq!(app.page(&back, &[cookie]).await.status, 303);
        }
        revoke_due(&app).await;
        assert_eq!(verdicts(&app).await, [(expected.0.to_owned(), expected.1)], "{kind}");
    }
}
