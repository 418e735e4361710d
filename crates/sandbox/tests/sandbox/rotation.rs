//! The effect of a refresh on the refresh token, on both sides of each time limit.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use terra_auth_sandbox::{Lifetimes, Portal, ProviderProfile};

use crate::app::{App, CLIENT_ID, CLIENT_SECRET, TestResponse, good_refresh, text, with};

const DAY: i64 = 24 * 3600;

fn pair(tokens: &Value) -> (String, String) {
    (text(tokens, "access_token"), text(tokens, "refresh_token"))
}

fn all_scopes(face: &ProviderProfile) -> String {
    face.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ")
}

fn is_refused(answer: &TestResponse) -> bool {
    let told = ["invalid_grant", r#""resource":"RefreshToken""#].iter().any(|word| answer.text.contains(word));
    told || answer.json()["status"] == 103 || answer.json()["result"] == "0103"
}

#[tokio::test]
async fn an_unrotated_refresh_token_is_repeated_or_omitted_and_stays_valid() {
    for (face, is_repeated) in [
        (&ProviderProfile::GARMIN, true),
        (&ProviderProfile::COROS, true),
        (&ProviderProfile::GOOGLE, false),
        (&ProviderProfile::POLAR, false),
        (&ProviderProfile::ULTRAHUMAN, false),
    ] {
        let app = App::start();
        let (_, token) = pair(&app.connect(face).await);
        for refreshes in 1..=3 {
            let answer = app.refresh(face, &token).await.tokens();
            let said = answer["refresh_token"].as_str();
            assert_eq!(said, is_repeated.then_some(token.as_str()), "{}", face.slug);
            assert!(app.is_active(face, &text(&answer, "access_token")).await);
            assert_eq!(app.sandbox.grants(face)[0].refreshes, refreshes);
        }
    }
}

#[tokio::test]
async fn the_identical_request_gets_the_identical_response_for_two_minutes() {
    let (app, face) = (App::start(), &ProviderProfile::FITBIT);
    let (_, token) = pair(&app.connect(face).await);
    let first = app.refresh(face, &token).await;
    for wait_s in [0, 1, 118] {
        app.advance_clock(wait_s);
        assert_eq!(app.refresh(face, &token).await.text, first.text);
    }
    app.advance_clock(1);
    assert!(is_refused(&app.refresh(face, &token).await));

    assert_eq!(app.sandbox.grants(face)[0].refreshes, 1, "it was refreshed once");
    assert!(!is_refused(&app.refresh(face, &pair(&first.tokens()).1).await), "and the new refresh token works");
}

#[tokio::test]
async fn another_request_with_a_spent_refresh_token_is_rejected() {
    let (app, face) = (App::start(), &ProviderProfile::FITBIT);
    let (_, token) = pair(&app.connect(face).await);
    app.refresh(face, &token).await;
    assert!(is_refused(&app.token(face, &with(&good_refresh(&token), "scope", "sleep")).await));
    assert!(!is_refused(&app.refresh(face, &token).await));
}

#[tokio::test]
async fn a_used_refresh_token_can_be_used_again_for_eight_hours() {
    let (app, face) = (App::start(), &ProviderProfile::WITHINGS);
    let (_, token) = pair(&app.connect(face).await);
    let second = pair(&app.refresh(face, &token).await.tokens());
    app.advance_clock(8 * 3600 - 1);
    let third = pair(&app.refresh(face, &token).await.tokens());
    assert!(is_refused(&app.refresh(face, &second.1).await), "the earlier pair is invalid");
    assert!(!app.is_active(face, &second.0).await && app.is_active(face, &third.0).await);
    app.advance_clock(1);
    assert!(is_refused(&app.refresh(face, &token).await), "the time counts from the first use");
    assert!(!is_refused(&app.refresh(face, &third.1).await));
}

#[tokio::test]
async fn the_first_use_of_the_new_access_token_invalidates_the_old_refresh_token() {
    let (app, face) = (App::start(), &ProviderProfile::WITHINGS);
    let (_, token) = pair(&app.connect(face).await);
    let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
    assert!(
        app.is_active(face, &token).await && app.is_active(face, &access_token).await,
        "introspection is not a use"
    );
    assert_eq!(app.data(face, &access_token).await, 200);

    assert!(!app.is_active(face, &token).await);
    assert!(is_refused(&app.refresh(face, &token).await));
    assert!(!is_refused(&app.refresh(face, &newest).await));
}

#[tokio::test]
async fn without_a_grace_period_the_second_use_is_rejected_and_the_grant_stays() {
    for face in [&ProviderProfile::STRAVA, &ProviderProfile::SUUNTO, &ProviderProfile::DEXCOM] {
        let app = App::start();
        let (_, token) = pair(&app.connect(face).await);
        let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
        assert!(is_refused(&app.refresh(face, &token).await), "{}", face.slug);
        assert_eq!(app.data(face, &access_token).await, 200, "{}", face.slug);
        assert!(!is_refused(&app.refresh(face, &newest).await), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_reused_refresh_token_revokes_the_complete_grant() {
    let (app, face) = (App::start(), &ProviderProfile::OURA);
    let (_, token) = pair(&app.connect(face).await);
    let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
    assert!(is_refused(&app.refresh(face, &token).await));
    assert!(is_refused(&app.refresh(face, &newest).await));
    assert_eq!(app.data(face, &access_token).await, 401);
}

#[tokio::test]
async fn a_refresh_without_the_offline_scope_is_the_last_one() {
    let (app, face) = (App::start(), &ProviderProfile::WHOOP);
    let (_, token) = pair(&app.connect(face).await);
    let kept = app.token(face, &with(&good_refresh(&token), "scope", "offline")).await.json();
    assert_eq!(text(&kept, "scope"), all_scopes(face), "the scopes are not narrowed");
    let last = app.refresh(face, &pair(&kept).1).await.json();

    assert_eq!(last.get("refresh_token"), None);
    assert_eq!(app.data(face, &text(&last, "access_token")).await, 200);
    assert!(is_refused(&app.refresh(face, &pair(&kept).1).await));
}

#[tokio::test]
async fn a_grant_without_the_offline_scope_gets_no_refresh_token() {
    let app = App::start();
    let code = app.code(&ProviderProfile::WHOOP, &["read:sleep"]).await;
    let tokens = app.exchange(&ProviderProfile::WHOOP, &code).await.json();
    assert_eq!(tokens.get("refresh_token"), None);
    assert_eq!(app.data(&ProviderProfile::WHOOP, &text(&tokens, "access_token")).await, 200);
}

#[tokio::test]
async fn a_refresh_token_expires_after_its_lifetime() {
    for (face, days) in [(&ProviderProfile::GARMIN, 90), (&ProviderProfile::WITHINGS, 365)] {
        let app = App::start();
        let tokens = [pair(&app.connect(face).await).1, pair(&app.connect(face).await).1];
        app.advance_clock(days * DAY - 1);
        assert!(!is_refused(&app.refresh(face, &tokens[0]).await), "{}", face.slug);
        app.advance_clock(1);
        assert!(is_refused(&app.refresh(face, &tokens[1]).await), "{}", face.slug);
        assert!(!app.sandbox.grants(face)[1].revoked, "its access token may still be valid");
    }
}

#[tokio::test]
async fn a_rotation_restarts_the_lifetime_of_the_refresh_token() {
    for (face, is_extended) in [(&ProviderProfile::WITHINGS, true), (&ProviderProfile::GARMIN, false)] {
        let app = App::start();
        let ten_days = Some(Duration::from_hours(240));
        app.sandbox.set_lifetimes(face, Lifetimes { refresh_token: ten_days, ..app.sandbox.lifetimes(face) });
        let (_, token) = pair(&app.connect(face).await);
        app.advance_clock(9 * DAY);
        let (_, token) = pair(&app.refresh(face, &token).await.tokens());
        app.advance_clock(9 * DAY);
        assert_eq!(!is_refused(&app.refresh(face, &token).await), is_extended, "{}", face.slug);
    }
}

#[tokio::test]
async fn a_provider_can_have_its_own_lifetimes() {
    let (app, face) = (App::start(), &ProviderProfile::STRAVA);
    let before = app.sandbox.create_grant(face, "demo");
    app.sandbox.set_lifetimes(face, Lifetimes { access_token: Duration::from_hours(6), refresh_token: None });
    let tokens = app.connect(face).await;
    assert_eq!(tokens["expires_in"], 6 * 3600);
    app.advance_clock(6 * 3600 - 1);
    assert_eq!(app.data(face, &text(&tokens, "access_token")).await, 200);
    app.advance_clock(1);
    assert_eq!(app.data(face, &text(&tokens, "access_token")).await, 401);

    let older = before.access_token.expose_secret();
    assert_eq!(app.data(face, older).await, 200, "tokens that were issued before have their old lifetime");
    assert_eq!(app.connect(&ProviderProfile::OURA).await["expires_in"], 8 * 3600);
}

#[tokio::test]
async fn a_grant_can_be_created_without_a_browser() {
    for face in terra_auth_sandbox::provider_profiles() {
        let app = App::start();
        let opened = app.sandbox.create_grant(face, "demo");
        let token = opened.refresh_token.unwrap();
        assert!(!is_refused(&app.refresh(face, token.expose_secret()).await), "{}", face.slug);
        let grant = app.sandbox.grants(face).remove(0);
        assert_eq!((grant.account.id, grant.refreshes), (face.account_id("demo"), 1), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_pair_is_valid_until_an_access_token_that_it_returned_is_used() {
    let (app, face) = (App::start(), &ProviderProfile::WAHOO);
    let first = pair(&app.connect(face).await);
    let lost = pair(&app.refresh(face, &first.1).await.tokens());
    let second = pair(&app.refresh(face, &first.1).await.tokens());
    for token in [&first.0, &lost.0, &second.0] {
        assert!(app.is_active(face, token).await);
    }
    assert_eq!(app.userinfo(face, &second.0).await.status, 200);
    for (access, refresh) in [&first, &lost] {
        assert!(!app.is_active(face, access).await && is_refused(&app.refresh(face, refresh).await));
    }
    assert!(!is_refused(&app.refresh(face, &second.1).await));
}

#[tokio::test]
async fn ten_unused_pairs_are_the_limit_and_the_error_has_no_code() {
    let (app, face) = (App::start(), &ProviderProfile::WAHOO);
    let mut newest = pair(&app.connect(face).await);
    for _ in 1..10 {
        newest = pair(&app.refresh(face, &newest.1).await.tokens());
    }
    let refused = app.refresh(face, &newest.1).await;
    assert_eq!((refused.status.as_u16(), refused.json().get("error")), (400, None), "{}", refused.text);

    assert_eq!(app.userinfo(face, &newest.0).await.status, 200, "this invalidates the previous pair");
    assert_eq!(app.refresh(face, &newest.1).await.status, 200);
    assert_eq!(app.refresh(face, &newest.1).await.status, 400, "one pair was available");
}

#[tokio::test]
async fn an_app_is_accepted_at_the_endpoint_of_its_portal_only() {
    let (app, face) = (App::start(), &ProviderProfile::OURA);
    let (_, token) = pair(&app.connect(face).await);
    let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let at = async |path: &str, token: &str| app.post(path, &[&good_refresh(token)[..], &client].concat(), None).await;
    let second = async |token: &str| at("oura/ext-token", token).await;
    let refused = second(&token).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &"invalid_request".into()));

    app.sandbox.set_portal(face, Portal::Second);
    let refused = app.refresh(face, &token).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &"invalid_request".into()));
    assert_eq!(second(&token).await.status, 200, "the rejected calls have spent nothing");
    assert_eq!(at("fitbit/ext-token", &token).await.status, 404);
}

#[tokio::test]
async fn the_oldest_grant_is_evicted_when_there_are_too_many() {
    let mut app = App::start();
    app.sandbox = app.sandbox.with_max_grants(3);
    let face = &ProviderProfile::OURA;
    let opened: Vec<_> = (0..5).map(|number| app.sandbox.create_grant(face, &format!("person-{number}"))).collect();
    assert_eq!(opened.len(), 5);
    let names: Vec<_> = app.sandbox.grants(face).into_iter().map(|grant| grant.account.name).collect();
    assert_eq!(names, ["person-2", "person-3", "person-4"]);
}
