//! What a refresh does to the refresh token, on both sides of each edge.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use terra_auth_sandbox::{Face, Lifetimes, Portal};

use crate::app::{Answer, App, CLIENT_ID, CLIENT_SECRET, good_refresh, text, with};

const DAY: i64 = 24 * 3600;

fn pair(tokens: &Value) -> (String, String) {
    (text(tokens, "access_token"), text(tokens, "refresh_token"))
}

fn all_scopes(face: &Face) -> String {
    face.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ")
}

fn is_refused(answer: &Answer) -> bool {
    let told = ["invalid_grant", r#""resource":"RefreshToken""#].iter().any(|word| answer.text.contains(word));
    told || answer.json()["status"] == 103 || answer.json()["result"] == "0103"
}

#[tokio::test]
async fn a_kept_refresh_token_is_said_again_or_left_out_and_stays_good() {
    for (face, is_repeated) in [
        (&Face::GARMIN, true),
        (&Face::COROS, true),
        (&Face::GOOGLE, false),
        (&Face::POLAR, false),
        (&Face::ULTRAHUMAN, false),
    ] {
        let app = App::start();
        let (_, token) = pair(&app.connect(face).await);
        for refreshes in 1..=3 {
            let answer = app.refresh(face, &token).await.tokens();
            let said = answer["refresh_token"].as_str();
            assert_eq!(said, is_repeated.then_some(token.as_str()), "{}", face.slug);
            assert!(app.lives(face, &text(&answer, "access_token")).await);
            assert_eq!(app.sandbox.grants(face)[0].refreshes, refreshes);
        }
    }
}

#[tokio::test]
async fn the_identical_request_gets_the_identical_answer_for_two_minutes() {
    let (app, face) = (App::start(), &Face::FITBIT);
    let (_, token) = pair(&app.connect(face).await);
    let first = app.refresh(face, &token).await;
    for wait_s in [0, 1, 118] {
        app.pass(wait_s);
        assert_eq!(app.refresh(face, &token).await.text, first.text);
    }
    app.pass(1);
    assert!(is_refused(&app.refresh(face, &token).await));

    assert_eq!(app.sandbox.grants(face)[0].refreshes, 1, "it was refreshed once");
    assert!(!is_refused(&app.refresh(face, &pair(&first.tokens()).1).await), "and goes on");
}

#[tokio::test]
async fn another_request_with_a_spent_refresh_token_gets_nothing() {
    let (app, face) = (App::start(), &Face::FITBIT);
    let (_, token) = pair(&app.connect(face).await);
    app.refresh(face, &token).await;
    assert!(is_refused(&app.token(face, &with(&good_refresh(&token), "scope", "sleep")).await));
    assert!(!is_refused(&app.refresh(face, &token).await));
}

#[tokio::test]
async fn a_spent_refresh_token_brings_another_pair_for_eight_hours() {
    let (app, face) = (App::start(), &Face::WITHINGS);
    let (_, token) = pair(&app.connect(face).await);
    let second = pair(&app.refresh(face, &token).await.tokens());
    app.pass(8 * 3600 - 1);
    let third = pair(&app.refresh(face, &token).await.tokens());
    assert!(is_refused(&app.refresh(face, &second.1).await), "its pair died");
    assert!(!app.lives(face, &second.0).await && app.lives(face, &third.0).await);
    app.pass(1);
    assert!(is_refused(&app.refresh(face, &token).await), "the time runs from the first use");
    assert!(!is_refused(&app.refresh(face, &third.1).await));
}

#[tokio::test]
async fn the_first_use_of_the_new_access_token_ends_the_old_refresh_token() {
    let (app, face) = (App::start(), &Face::WITHINGS);
    let (_, token) = pair(&app.connect(face).await);
    let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
    assert!(app.lives(face, &token).await && app.lives(face, &access_token).await, "looking is no use");
    assert_eq!(app.data(face, &access_token).await, 200);

    assert!(!app.lives(face, &token).await);
    assert!(is_refused(&app.refresh(face, &token).await));
    assert!(!is_refused(&app.refresh(face, &newest).await));
}

#[tokio::test]
async fn without_a_grace_the_second_use_is_refused_at_once_and_the_grant_goes_on() {
    for face in [&Face::STRAVA, &Face::SUUNTO, &Face::DEXCOM] {
        let app = App::start();
        let (_, token) = pair(&app.connect(face).await);
        let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
        assert!(is_refused(&app.refresh(face, &token).await), "{}", face.slug);
        assert_eq!(app.data(face, &access_token).await, 200, "{}", face.slug);
        assert!(!is_refused(&app.refresh(face, &newest).await), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_whole_grant() {
    let (app, face) = (App::start(), &Face::OURA);
    let (_, token) = pair(&app.connect(face).await);
    let (access_token, newest) = pair(&app.refresh(face, &token).await.tokens());
    assert!(is_refused(&app.refresh(face, &token).await));
    assert!(is_refused(&app.refresh(face, &newest).await));
    assert_eq!(app.data(face, &access_token).await, 401);
}

#[tokio::test]
async fn a_refresh_that_does_not_ask_to_stay_connected_is_the_last_one() {
    let (app, face) = (App::start(), &Face::WHOOP);
    let (_, token) = pair(&app.connect(face).await);
    let kept = app.token(face, &with(&good_refresh(&token), "scope", "offline")).await.json();
    assert_eq!(text(&kept, "scope"), all_scopes(face), "nothing is narrowed");
    let last = app.refresh(face, &pair(&kept).1).await.json();

    assert_eq!(last.get("refresh_token"), None);
    assert_eq!(app.data(face, &text(&last, "access_token")).await, 200);
    assert!(is_refused(&app.refresh(face, &pair(&kept).1).await));
}

#[tokio::test]
async fn who_may_not_stay_connected_gets_no_refresh_token() {
    let app = App::start();
    let code = app.code(&Face::WHOOP, &["read:sleep"]).await;
    let tokens = app.exchange(&Face::WHOOP, &code).await.json();
    assert_eq!(tokens.get("refresh_token"), None);
    assert_eq!(app.data(&Face::WHOOP, &text(&tokens, "access_token")).await, 200);
}

#[tokio::test]
async fn a_refresh_token_ends_when_its_days_are_over() {
    for (face, days) in [(&Face::GARMIN, 90), (&Face::WITHINGS, 365)] {
        let app = App::start();
        let tokens = [pair(&app.connect(face).await).1, pair(&app.connect(face).await).1];
        app.pass(days * DAY - 1);
        assert!(!is_refused(&app.refresh(face, &tokens[0]).await), "{}", face.slug);
        app.pass(1);
        assert!(is_refused(&app.refresh(face, &tokens[1]).await), "{}", face.slug);
        assert!(!app.sandbox.grants(face)[1].revoked, "its access token may live longer");
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_begins_its_days_anew_and_a_kept_one_does_not() {
    for (face, lives_on) in [(&Face::WITHINGS, true), (&Face::GARMIN, false)] {
        let app = App::start();
        let ten_days = Some(Duration::from_hours(240));
        app.sandbox.set_lifetimes(face, Lifetimes { refresh_token: ten_days, ..app.sandbox.lifetimes(face) });
        let (_, token) = pair(&app.connect(face).await);
        app.pass(9 * DAY);
        let (_, token) = pair(&app.refresh(face, &token).await.tokens());
        app.pass(9 * DAY);
        assert_eq!(!is_refused(&app.refresh(face, &token).await), lives_on, "{}", face.slug);
    }
}

#[tokio::test]
async fn a_face_can_have_lifetimes_of_its_own() {
    let (app, face) = (App::start(), &Face::STRAVA);
    let before = app.sandbox.open_grant(face, "demo");
    app.sandbox.set_lifetimes(face, Lifetimes { access_token: Duration::from_hours(6), refresh_token: None });
    let tokens = app.connect(face).await;
    assert_eq!(tokens["expires_in"], 6 * 3600);
    app.pass(6 * 3600 - 1);
    assert_eq!(app.data(face, &text(&tokens, "access_token")).await, 200);
    app.pass(1);
    assert_eq!(app.data(face, &text(&tokens, "access_token")).await, 401);

    let older = before.access_token.expose_secret();
    assert_eq!(app.data(face, older).await, 200, "what was issued before keeps its own");
    assert_eq!(app.connect(&Face::OURA).await["expires_in"], 8 * 3600);
}

#[tokio::test]
async fn a_grant_can_be_opened_without_a_browser() {
    for face in terra_auth_sandbox::faces() {
        let app = App::start();
        let opened = app.sandbox.open_grant(face, "demo");
        let token = opened.refresh_token.unwrap();
        assert!(!is_refused(&app.refresh(face, token.expose_secret()).await), "{}", face.slug);
        let grant = app.sandbox.grants(face).remove(0);
        assert_eq!((grant.account.id, grant.refreshes), (face.account_id("demo"), 1), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_pair_lives_until_an_access_token_that_it_brought_is_used() {
    let (app, face) = (App::start(), &Face::WAHOO);
    let first = pair(&app.connect(face).await);
    let lost = pair(&app.refresh(face, &first.1).await.tokens());
    let second = pair(&app.refresh(face, &first.1).await.tokens());
    for token in [&first.0, &lost.0, &second.0] {
        assert!(app.lives(face, token).await);
    }
    assert_eq!(app.userinfo(face, &second.0).await.status, 200);
    for (access, refresh) in [&first, &lost] {
        assert!(!app.lives(face, access).await && is_refused(&app.refresh(face, refresh).await));
    }
    assert!(!is_refused(&app.refresh(face, &second.1).await));
}

#[tokio::test]
async fn pairs_that_nobody_uses_fill_the_ten_and_the_refusal_has_no_code() {
    let (app, face) = (App::start(), &Face::WAHOO);
    let mut newest = pair(&app.connect(face).await);
    for _ in 1..10 {
        newest = pair(&app.refresh(face, &newest.1).await.tokens());
    }
    let refused = app.refresh(face, &newest.1).await;
    assert_eq!((refused.status.as_u16(), refused.json().get("error")), (400, None), "{}", refused.text);

    assert_eq!(app.userinfo(face, &newest.0).await.status, 200, "which ends the pair before");
    assert_eq!(app.refresh(face, &newest.1).await.status, 200);
    assert_eq!(app.refresh(face, &newest.1).await.status, 400, "one place was free");
}

#[tokio::test]
async fn an_app_is_known_at_the_endpoint_of_its_portal_only() {
    let (app, face) = (App::start(), &Face::OURA);
    let (_, token) = pair(&app.connect(face).await);
    let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let at = async |path: &str, token: &str| app.post(path, &[&good_refresh(token)[..], &client].concat(), None).await;
    let second = async |token: &str| at("oura/ext-token", token).await;
    let refused = second(&token).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &"invalid_request".into()));

    app.sandbox.set_portal(face, Portal::Second);
    let refused = app.refresh(face, &token).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (400, &"invalid_request".into()));
    assert_eq!(second(&token).await.status, 200, "the refusals have spent nothing");
    assert_eq!(at("fitbit/ext-token", &token).await.status, 404);
}

#[tokio::test]
async fn the_oldest_account_is_forgotten_when_there_are_too_many() {
    let mut app = App::start();
    app.sandbox = app.sandbox.with_max_grants(3);
    let face = &Face::OURA;
    let opened: Vec<_> = (0..5).map(|number| app.sandbox.open_grant(face, &format!("person-{number}"))).collect();
    assert_eq!(opened.len(), 5);
    let names: Vec<_> = app.sandbox.grants(face).into_iter().map(|grant| grant.account.name).collect();
    assert_eq!(names, ["person-2", "person-3", "person-4"]);
}
