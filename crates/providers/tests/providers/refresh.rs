//! A refresh over real sockets: what is sent, and what each way to fail means.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use axum::http::{HeaderValue, Method, header};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use terra_auth_model::{
    causes::Causes,
    provider::{Providers as _, RefreshError, RefreshPolicy, Rotation, Tokens},
};
use terra_auth_sandbox::ProviderProfile;
use terra_auth_testkit::{
    http,
    sandbox_login::{Login, START, provider, providers},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::parrot::{Heard, PLAIN, Parrot, recipes, tokens};

const REFRESH: &str = "refresh = { rotation = \"single_use\" }";

pub(crate) fn class(error: &RefreshError) -> &'static str {
    match error {
        RefreshError::NotReached(_) => "untouched",
        RefreshError::AnswerLost(_) => "lost",
        RefreshError::Throttled { .. } => "throttled",
        RefreshError::AppRefused { .. } => "app",
        RefreshError::GrantRefused { .. } => "grant",
        RefreshError::Unreadable => "unreadable",
        RefreshError::Unknown => "unknown",
    }
}

#[tokio::test]
async fn a_refresh_is_sent_as_the_recipe_says() {
    let secret = "client_id=demo%3Aapp&client_secret=test-key-not-a-secret";
    let plain = "grant_type=refresh_token&refresh_token=refresh-1";
    let basic = "Basic ZGVtbyUzQWFwcDp0ZXN0LWtleS1ub3QtYS1zZWNyZXQ=";
    for (more, path, authorization, body) in [
        ("", "/token".to_owned(), None, format!("{plain}&{secret}")),
        (", client_auth = \"basic\"", "/token".to_owned(), Some(basic), plain.to_owned()),
        (
            ", scopes = [\"offline\", \"b\"], params = { action = \"requesttoken\" }",
            "/token".to_owned(),
            None,
            format!("{plain}&scope=offline+b&action=requesttoken&{secret}"),
        ),
        (", url = \"{here}again\", request = \"query\"", format!("/again?{plain}&{secret}"), None, String::new()),
        (
            ", request = \"json\", client_auth = \"basic\"",
            "/token".to_owned(),
            Some(basic),
            r#"{"grant_type":"refresh_token","refresh_token":"refresh-1"}"#.to_owned(),
        ),
    ] {
        let parrot = Parrot::new(200, r#"{"access_token": "access-2"}"#);
        parrot.refresh(&format!("refresh = {{ rotation = \"kept\"{more} }}")).await.unwrap();
        let authorization = authorization.map(str::to_owned);
        assert_eq!(parrot.heard(), Some(Heard { method: Method::POST, path, authorization, body }), "{more}");
    }
}

#[tokio::test]
async fn a_refresh_stores_new_tokens_and_an_unrotated_refresh_token_stays() {
    let whole = r#"{"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 60, "scope": "a b"}"#;
    let refreshed = Parrot::new(200, whole).refresh(REFRESH).await.unwrap();
    assert_eq!(refreshed.tokens.access_token.expose_secret(), "access-2");
    assert_eq!(refreshed.tokens.refresh_token.unwrap().expose_secret(), "refresh-2");
    assert_eq!(refreshed.tokens.expires_at.unwrap().as_second(), START + 60);
    assert_eq!(refreshed.scopes.unwrap(), ["a", "b"]);

    let sparse = Parrot::new(200, r#"{"access_token": "access-2"}"#);
    let refreshed = sparse.refresh(&format!("{REFRESH}\naccess_ttl_s = 90")).await.unwrap();
    assert_eq!(refreshed.tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!(refreshed.tokens.expires_at.unwrap().as_second(), START + 90);
    assert_eq!(refreshed.scopes, None);
}

#[tokio::test]
async fn a_request_for_some_scopes_does_not_report_all() {
    let offline = "refresh = { rotation = \"single_use\", scopes = [\"offline\"] }";
    let parrot = Parrot::new(200, r#"{"access_token": "access-2", "scope": "offline"}"#);
    assert_eq!(parrot.refresh(offline).await.unwrap().scopes, None);
}

#[tokio::test]
async fn each_answer_has_a_meaning() {
    for (status, body, meaning) in [
        (400, r#"{"error": "invalid_grant"}"#, "grant"),
        (401, r#"{"error": "invalid_grant"}"#, "grant"),
        (200, r#"{"error": "invalid_grant"}"#, "grant"),
        (400, r#"{"error": "gone_for_good"}"#, "grant"),
        (401, r#"{"error": "invalid_client"}"#, "app"),
        (400, r#"{"error": "unauthorized_client"}"#, "app"),
        (403, r#"{"error": "app_locked"}"#, "app"),
        (400, r#"{"error": "invalid_request"}"#, "lost"),
        (400, r#"{"error": "calm_down"}"#, "throttled"),
        (429, "", "throttled"),
        (500, r#"{"error": "invalid_grant"}"#, "lost"),
        (502, "", "lost"),
        (503, "", "untouched"),
        (404, "<html>", "unreadable"),
        (405, "", "untouched"),
        (405, r#"{"error": "invalid_request"}"#, "lost"),
        (400, r#"{"error": "take_no_offence"}"#, "lost"),
        (400, r#"{"message": "no"}"#, "unreadable"),
        (200, r#"{"refresh_token": "refresh-2"}"#, "unreadable"),
        (200, "{", "unreadable"),
    ] {
        let codes = "answer = { codes = { throttled = [\"calm_down\"], invalid_grant = [\"gone_for_good\", \"take_no_offence\"], \
                     invalid_client = [\"app_locked\"], no_verdict = [\"take_no_offence\"] } }";
        let recipe = format!("refresh = {{ rotation = \"kept\", untouched = [503, 405] }}\n{codes}");
        let error = Parrot::new(status, body).refresh(&recipe).await.unwrap_err();
        assert_eq!(class(&error), meaning, "{status} {body}");
    }
}

#[tokio::test]
async fn an_oauth_error_may_need_two_matching_fields() {
    let answer = "answer = { status = [\"errors.0.resource\", \"errors.0.code\"], codes = { \
                  invalid_grant = [\"RefreshToken/invalid\"], invalid_client = [\"Application/invalid\"] } }";
    for (error, meaning) in [
        (r#"{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}"#, "grant"),
        (r#"{"resource": "Application", "field": "client_id", "code": "invalid"}"#, "app"),
        (r#"{"resource": "Application", "field": "daily limit", "code": "exceeded"}"#, "lost"),
        (r#"{"resource": "RefreshToken"}"#, "unreadable"),
        (r#"{}], "error": "invalid_grant", "more": [{}"#, "grant"),
    ] {
        let parrot = Parrot::new(400, &format!(r#"{{"message": "Bad Request", "errors": [{error}]}}"#));
        let refused = parrot.refresh(&format!("{REFRESH}\n{answer}")).await.unwrap_err();
        assert_eq!(class(&refused), meaning, "{error}");
    }
    let good = Parrot::new(200, r#"{"access_token": "access-2"}"#).refresh(&format!("{REFRESH}\n{answer}")).await;
    assert_eq!(good.unwrap().tokens.access_token.expose_secret(), "access-2");
}

#[tokio::test]
async fn a_result_code_in_a_200_counts() {
    let answer = "answer = { inside = \"body\", status = \"status\", ok = [0], codes = { throttled = [601], \
                  invalid_grant = [\"503\"] } }";
    let good = r#"{"status": 0, "body": {"access_token": "access-2", "expires_in": 5}}"#;
    let refreshed = Parrot::new(200, good).refresh(&format!("{REFRESH}\n{answer}")).await.unwrap();
    assert_eq!(refreshed.tokens.access_token.expose_secret(), "access-2");

    for (body, meaning) in [
        (r#"{"status": 601, "body": {}}"#, "throttled"),
        (r#"{"status": "503", "body": {}}"#, "grant"),
        (r#"{"status": 7, "body": {"access_token": "access-2"}}"#, "lost"),
        (r#"{"status": 0}"#, "unreadable"),
        (r#"{"access_token": "access-2"}"#, "unreadable"),
    ] {
        let error = Parrot::new(200, body).refresh(&format!("{REFRESH}\n{answer}")).await.unwrap_err();
        assert_eq!(class(&error), meaning, "{body}");
    }
}

#[tokio::test]
async fn the_retry_after_of_a_provider_is_reported() {
    let mut parrot = Parrot::new(429, "");
    parrot.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("90"));
    let error = parrot.refresh(REFRESH).await.unwrap_err();
    assert!(
        matches!(error, RefreshError::Throttled { retry_after: Some(pause) } if pause.as_secs() == 90),
        "{error:?}"
    );
}

#[tokio::test]
async fn nothing_was_done_where_nobody_listens() {
    let (listener, nobody) = http::listen().await;
    drop(listener);
    let providers = providers(recipes(&format!("{PLAIN}\n{REFRESH}"), &nobody), "test-key-not-a-secret");
    let error = providers.refresh(&"ACME".parse().unwrap(), None, &tokens()).await.unwrap_err();

    assert_eq!(class(&error), "untouched");
    let told = format!("{} {error:?}", Causes(&error));
    assert!(told.starts_with("the provider was not reached: the call failed: "), "{told}");
    for secret in ["refresh-1", "not-a-secret", "/token"] {
        assert!(!told.contains(secret), "{told}");
    }
}

/// A provider that hears the request and then does this to the connection.
async fn breaks_off(answer: &'static [u8]) -> RefreshError {
    let (listener, here) = http::listen().await;
    let provider = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
        connection.write_all(answer).await.unwrap();
        drop(connection);
    };
    let providers = providers(recipes(&format!("{PLAIN}\n{REFRESH}"), &here), "test-key-not-a-secret");
    let (name, tokens) = ("ACME".parse().unwrap(), tokens());
    let (refreshed, ()) = tokio::join!(providers.refresh(&name, None, &tokens), provider);
    refreshed.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost() {
    assert_eq!(class(&breaks_off(b"").await), "lost");
    assert_eq!(class(&breaks_off(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"access_token\"").await), "lost");
}

#[tokio::test]
async fn a_grant_that_cannot_be_refreshed_is_not_refreshed() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-2"}"#);
    assert_eq!(class(&parrot.refresh("").await.unwrap_err()), "unknown");

    let providers = parrot.providers(&format!("{PLAIN}\n{REFRESH}")).await;
    let without = Tokens { refresh_token: None, ..tokens() };
    let error = providers.refresh(&"ACME".parse().unwrap(), None, &without).await.unwrap_err();
    assert_eq!(error.to_string(), "the provider refuses the grant: no_refresh_token");
    assert!(matches!(providers.refresh(&"OTHER".parse().unwrap(), None, &tokens()).await, Err(RefreshError::Unknown)));
    assert_eq!(parrot.heard(), None);
}

#[tokio::test]
async fn the_policy_of_a_provider_comes_from_its_recipe() {
    let parrot = Parrot::new(200, "");
    let acme = "ACME".parse().unwrap();
    let policy = |rotation| RefreshPolicy {
        rotation,
        lead_time: SignedDuration::from_mins(10),
        refresh_token_lifetime: None,
        max_in_flight: 4,
        max_per_minute: None,
        confirm: false,
    };
    let single_use = |grace_s: Option<i64>, reuse_ends_grant| Rotation::SingleUse {
        grace: grace_s.map(SignedDuration::from_secs),
        reuse_ends_grant,
    };
    for (refresh, expected) in [
        ("rotation = \"kept\"", policy(Rotation::Reusable)),
        ("rotation = \"single_use\"", policy(single_use(None, false))),
        ("rotation = \"single_use\", grace_s = 120, reuse_ends_grant = true", policy(single_use(Some(120), true))),
        (
            "rotation = \"kept\", ahead_s = 60, token_life_s = 3600, at_once = 2, per_minute = 30",
            RefreshPolicy {
                lead_time: SignedDuration::from_secs(60),
                refresh_token_lifetime: Some(SignedDuration::from_hours(1)),
                max_in_flight: 2,
                max_per_minute: Some(30),
                ..policy(Rotation::Reusable)
            },
        ),
    ] {
        let providers = parrot.providers(&format!("{PLAIN}\nrefresh = {{ {refresh} }}")).await;
        assert_eq!(providers.refresh_policy(&acme), Some(expected), "{refresh}");
    }
    assert_eq!(parrot.providers(PLAIN).await.refresh_policy(&acme), None);
}

#[tokio::test]
async fn the_sandbox_refreshes_and_lets_no_token_be_used_twice() {
    let login = Login::start().await;
    let oura = provider(&ProviderProfile::OURA);
    let first = login.grant(&ProviderProfile::OURA).await.tokens;
    let second = login.providers.refresh(&oura, None, &first).await.unwrap().tokens;
    assert_ne!(first.access_token.expose_secret(), second.access_token.expose_secret());

    let again = login.providers.refresh(&oura, None, &first).await.unwrap_err();
    assert_eq!(again.to_string(), "the provider refuses the grant: invalid_grant");
}
