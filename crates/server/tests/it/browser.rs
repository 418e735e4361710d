//! The widget and the sandbox, walked through by a person at a real browser (`tests/browser`).

mod visitor;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Endpoint, Face};
use terra_auth_types::wire::admin::ChangeEnvironment;
use tokio::task::JoinSet;

use self::visitor::{
    Page, Seen,
    Step::{self, Back, Click, Enter, MakeTrouble, Open, Reload, Shoot, TabTo, Type, Untick},
    Visitor,
};
use crate::support::TestApp;

/// From the sandbox's login page on.
const APPROVE: [Step; 2] = [Click("Continue"), Click("Approve")];
const DENY: [Step; 2] = [Click("Continue"), Click("Deny")];

const CHOOSE: &str = "Connect a device or app";
const LOGIN: &str = "Sign in to Fitbit";
const CONSENT: &str = "Allow Acme to use your Fitbit data?";
const LANDED: &str = "Back in the app";

/// A session of alice's that leads back to the app's pages, and whatever else `body` asks for.
async fn session(app: &TestApp, visitor: &Visitor, mut body: Value) -> String {
    body["reference_id"] = json!("alice");
    body["auth_success_redirect_url"] = json!(visitor.app("done?keep=me"));
    body["auth_failure_redirect_url"] = json!(visitor.app("failed"));
    app.session(body).await
}

/// Where alice's success leads: to the app, with the parameters that are published.
async fn done(app: &TestApp, visitor: &Visitor) -> String {
    let users = app.get("/v2/userInfo?reference_id=alice").await.json();
    let [user] = users.as_array().map_or(&[][..], Vec::as_slice) else { panic!("not one user: {users}") };
    let (id, provider) = (user["user_id"].as_str().unwrap(), user["provider"].as_str().unwrap());
    format!("{}&user_id={id}&reference_id=alice&resource={provider}", visitor.app("done?keep=me"))
}

#[tokio::test]
async fn a_success_leads_by_list_login_and_consent_to_the_app() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    let steps = [Shoot("list"), Click("Fitbit"), Click("Continue"), Shoot("consent"), Click("Approve")];
    let seen = visitor.walk(&session, steps).await;

    assert_eq!(seen.headings(), [CHOOSE, LOGIN, CONSENT, LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
    assert_cookies(&seen);
}

/// One cookie while the end user is away, for nobody but the way back, and none before or after.
fn assert_cookies(seen: &Seen) {
    let [list, login, consent, landed] = &seen.pages[..] else { panic!("{seen:#?}") };
    assert!(list.cookies.is_empty() && landed.cookies.is_empty(), "{seen:#?}");
    for page in [login, consent] {
        let [cookie] = &page.cookies[..] else { panic!("{page:#?}") };
        let id = cookie.name.strip_prefix("terra_flow_").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{cookie:?}");
        assert_eq!((&*cookie.domain, &*cookie.path), ("localhost", "/auth/fitbit/oauth2"));
        assert_eq!((cookie.http_only, &*cookie.same_site), (true, "Lax"));
    }
}

#[tokio::test]
async fn the_widget_needs_no_java_script() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await.without_java_script();
    let session = session(&app, &visitor, json!({})).await;
    let seen = visitor.walk(&session, [[Click("Fitbit")].as_slice(), &APPROVE].concat()).await;

    assert_eq!(seen.headings(), [CHOOSE, LOGIN, CONSENT, LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn the_widget_needs_no_mouse() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    let steps = [TabTo("Fitbit"), Enter, TabTo("Continue"), Enter, TabTo("Approve"), Enter];
    let seen = visitor.walk(&session, steps).await;

    assert_eq!(seen.headings(), [CHOOSE, LOGIN, CONSENT, LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_long_list_is_searched_by_keyboard() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let more = json!({"use_terra_avengers_app": true, "samsung_app_url": visitor.app("samsung")});
    let session = session(&app, &visitor, more).await;
    let search = [TabTo("Search by name"), Type("fit BIT"), Enter, Shoot("search"), TabTo("Fitbit"), Enter];
    let seen = visitor.walk(&session, [&search[..], &APPROVE].concat()).await;
    let [all, found, ..] = &seen.pages[..] else { panic!("{seen:#?}") };

    assert!(all.text.contains("Garmin") && all.text.contains("Samsung Health"), "{all:#?}");
    assert!(found.text.contains("1 result") && !found.text.contains("Garmin"), "{found:#?}");
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn one_provider_needs_no_list() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT"})).await;
    let seen = visitor.walk(&session, APPROVE).await;

    assert_eq!(seen.headings(), [LOGIN, CONSENT, LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_success_without_a_url_has_a_page() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let seen = visitor.walk(&session, [&APPROVE[..], &[Shoot("success")]].concat()).await;

    assert_eq!(seen.last().heading, "Fitbit is connected");
    assert!(seen.last().url.starts_with(visitor.widget("session/demo/success?user_id=").as_str()), "{seen:#?}");
}

#[tokio::test]
async fn a_result_that_is_loaded_again_denies_nothing() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT", "bypass_feedback": false})).await;
    let seen = visitor.walk(&session, [&APPROVE[..], &[Reload]].concat()).await;

    assert_eq!((seen.last().status, seen.last().text.contains("check your connections")), (400, true), "{seen:#?}");
}

#[tokio::test]
async fn what_was_left_out_is_shown() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT", "bypass_feedback": false})).await;
    let untick = [Click("Continue"), Untick("sleep"), Untick("weight")];
    let seen = visitor
        .walk(&session, [&untick[..], &[Click("Approve"), Shoot("left-out"), Click("Continue to Acme")]].concat())
        .await;
    let lines: Vec<_> = seen.pages[2].text.lines().filter(|line| !line.is_empty()).collect();

    assert_eq!(lines[..3], ["Acme", "Fitbit is connected", "Acme can now receive the data you approved."]);
    assert_eq!(lines[3..], ["Not shared", "sleep", "weight", "Continue to Acme"]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

/// Google names its scopes by addresses, which are wider than a phone.
#[tokio::test]
async fn what_was_left_out_fits_a_phone() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "GOOGLE", "bypass_feedback": false})).await;
    let nutrition = "https://www.googleapis.com/auth/googlehealth.nutrition.readonly";
    let seen = visitor.walk(&session, [Click("Continue"), Untick(nutrition), Click("Approve")]).await;

    assert!(seen.last().text.contains("nutrition") && !seen.last().text.contains("sleep"), "{seen:#?}");
}

#[tokio::test]
async fn a_refusal_leads_back_with_its_reason() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT"})).await;
    let seen = visitor.walk(&session, DENY).await;

    let failed = visitor.app("failed?reference_id=alice&resource=FITBIT&reason=access_denied");
    assert_eq!(seen.end(), (failed.as_str(), 200));
    assert!(seen.last().cookies.is_empty(), "{seen:#?}");
}

#[tokio::test]
async fn who_refused_may_try_again() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"bypass_feedback": false})).await;
    let again = [Click("Try again"), Click("Fitbit")];
    let steps = [&[Click("Fitbit")], &DENY[..], &again, &APPROVE, &[Click("Continue to Acme")]].concat();
    let seen = visitor.walk(&session, steps).await;

    let first = [CHOOSE, LOGIN, CONSENT, "Fitbit was not connected"];
    let second = [CHOOSE, LOGIN, CONSENT, "Fitbit is connected", LANDED];
    assert_eq!(seen.headings(), [&first[..], &second].concat());
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_provider_that_was_down_may_be_tried_again() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT", "bypass_feedback": false})).await;
    let down = [Click("Continue"), MakeTrouble("Server error (500)"), Click("Approve"), Shoot("down")];
    let again = [
        Click("Try again"),
        Click("Continue"),
        MakeTrouble("Nothing: behave well"),
        Click("Approve"),
        Shoot("connected"),
    ];
    let seen = visitor.walk(&session, [&down[..], &again, &[Click("Continue to Acme")]].concat()).await;

    assert_eq!((&*seen.pages[2].heading, seen.pages[2].status), ("Fitbit is not responding", 502));
    assert_eq!(seen.headings()[3..], [LOGIN, CONSENT, "Fitbit is connected", LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn who_turns_back_at_the_provider_chooses_another() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    let steps = [[Click("Fitbit"), Back, Click("Oura")].as_slice(), &APPROVE].concat();
    let seen = visitor.walk(&session, steps).await;

    assert_eq!(seen.headings()[..4], [CHOOSE, LOGIN, CHOOSE, "Sign in to Oura"]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn an_expired_session_has_a_way_back() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    app.clock.advance(SignedDuration::from_secs(900));
    let seen = visitor.walk(&session, [Shoot("expired"), Click("Return to Acme")]).await;

    assert_eq!((&*seen.pages[0].heading, seen.pages[0].status), ("This page has expired", 410));
    assert_eq!(seen.end(), (visitor.app("failed?reference_id=alice&reason=session_expired").as_str(), 200));
}

#[tokio::test]
async fn who_is_away_when_the_session_expires_comes_back_in_time() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT"})).await;
    app.clock.advance(SignedDuration::from_secs(899));
    let seen = visitor.walk(&session, [Click("Continue"), visitor.later(300), Click("Approve")]).await;

    assert_eq!(seen.headings(), [LOGIN, CONSENT, LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_session_is_used_once() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT"})).await;
    let again = [Open(visitor.widget(&session)), Click("Return to Acme")];
    let seen = visitor.walk(&session, [&APPROVE[..], &again].concat()).await;

    assert_eq!(seen.headings(), [LOGIN, CONSENT, LANDED, "This link has already been used", LANDED]);
    assert_eq!(seen.pages[3].status, 410);
    assert_eq!(seen.end(), (visitor.app("failed?reference_id=alice&reason=session_used").as_str(), 200));
}

#[tokio::test]
async fn a_link_that_is_none_has_a_page() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let altered = app.session(json!({})).await.replace(|c: char| c.is_ascii_digit(), "7");
    let elsewhere = Open(visitor.widget("/auth/fitbit/oauth2?state=none&code=none"));
    let nowhere = Open(app.sandbox.endpoint(&Face::FITBIT, Endpoint::Authorize));
    let seen = visitor.walk(&altered, [elsewhere, nowhere]).await;

    assert_eq!(
        seen.headings(),
        ["This link does not work", "Please use one browser from start to finish", "This cannot go on"]
    );
    assert_eq!(seen.pages.iter().map(|page| page.status).collect::<Vec<_>>(), [404, 400, 400]);
}

#[tokio::test]
async fn at_the_cap_nobody_is_sent_to_a_provider() {
    let app = TestApp::serve().await;
    app.change(ChangeEnvironment { user_limit: Some(Some(0)), ..ChangeEnvironment::default() }).await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    let seen = visitor.walk(&session, [Click("Fitbit"), Shoot("cap"), Click("Return to Acme")]).await;

    assert_eq!((&*seen.pages[1].heading, seen.pages[1].status), ("No new connections at the moment", 403));
    let failed = visitor.app("failed?reference_id=alice&resource=FITBIT&reason=user_limit_reached");
    assert_eq!(seen.end(), (failed.as_str(), 200));
}

#[tokio::test]
async fn giving_up_leads_back() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let at_once = session(&app, &visitor, json!({})).await;
    let with_page = app.session(json!({})).await;
    let seen = visitor.walk(&at_once, [Click("Cancel"), Open(visitor.widget(&with_page)), Click("Cancel")]).await;

    let failed = visitor.app("failed?reference_id=alice&reason=user_cancelled");
    assert_eq!(seen.pages[1].url, failed.as_str());
    assert_eq!(seen.headings(), [CHOOSE, LANDED, CHOOSE, "You cancelled"]);
}

#[tokio::test]
async fn apple_health_is_connected_on_the_phone() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let apple = json!({"use_terra_avengers_app": true, "apple_app_url": visitor.app("apple")});
    let session = session(&app, &visitor, apple).await;
    let seen = visitor.walk(&session, [Click("Apple Health"), Shoot("apple"), Click("Open the app")]).await;

    assert_eq!(seen.headings(), [CHOOSE, "Apple Health is connected on your phone", LANDED]);
    assert_eq!(seen.end(), (visitor.app("apple").as_str(), 200));
}

#[tokio::test]
async fn one_session_connects_two_and_disconnects_one() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"multi_auth": true, "show_disconnect": true})).await;
    let connect = [&[Click("Fitbit")], &APPROVE[..], &[Click("Connect another"), Click("Oura")], &APPROVE].concat();
    let disconnect = [
        Click("Connect another"),
        Shoot("list-connected"),
        Click("Disconnect Fitbit"),
        Shoot("disconnect"),
        Click("Disconnect"),
    ];
    let seen = visitor.walk(&session, [connect, disconnect.into()].concat()).await;
    let users = app.get("/v2/userInfo?reference_id=alice").await.json();

    assert_eq!(seen.headings()[7..], ["Oura is connected", CHOOSE, "Disconnect Fitbit?", CHOOSE]);
    assert!(seen.last().text.contains("Fitbit is no longer connected."), "{seen:#?}");
    assert_eq!((users.as_array().unwrap().len(), &users[0]["provider"]), (1, &json!("OURA")));
}

#[tokio::test]
async fn every_page_speaks_the_browsers_language() {
    let english = pages_in("en-GB", json!({})).await;
    let mut walks = JoinSet::new();
    for locale in ["fr-FR", "de-AT", "es-MX", "it-IT", "pt-BR", "ja-JP", "zh-CN"] {
        walks.spawn(async move { (locale, pages_in(locale, json!({})).await) });
    }
    for (locale, pages) in walks.join_all().await {
        assert!(pages.iter().all(|page| page.lang == locale || page.lang == locale[..2]), "{locale}: {pages:#?}");
        pages.iter().zip(&english).for_each(|(page, english)| assert_translated(page, english));
    }
}

#[tokio::test]
async fn the_sessions_language_wins() {
    let english = pages_in("en-GB", json!({})).await;
    let pages = pages_in("fr-FR", json!({"language": "de"})).await;
    assert!(pages.iter().all(|page| page.lang == "de"), "{pages:#?}");
    assert_eq!(pages[0].heading, "Gerät oder App verbinden");
    pages.iter().zip(&english).for_each(|(page, english)| assert_translated(page, english));
}

/// The widget's pages on one way: the list, the end with a scope left out, and the session that was used.
async fn pages_in(locale: &'static str, mut body: Value) -> [Page; 3] {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await.speaking(locale);
    body["bypass_feedback"] = json!(false);
    let session = session(&app, &visitor, body).await;
    let picture = ["de-AT", "ja-JP"].contains(&locale).then_some(Shoot(locale));
    let way = [Click("Fitbit"), Click("Continue"), Untick("sleep"), Click("Approve"), Open(visitor.widget(&session))];
    let seen = visitor.walk(&session, picture.into_iter().chain(way)).await;
    let [list, _, _, connected, used] = <[Page; 5]>::try_from(seen.pages).unwrap();
    [list, connected, used]
}

/// What both languages say with the same words are names.
fn assert_translated(page: &Page, english: &Page) {
    let names = ["Acme", "Fitbit", "Garmin", "Google Health", "Oura", "Polar", "Strava", "WHOOP", "Withings", "sleep"];
    let same = page.text.lines().filter(|line| !line.is_empty() && english.text.lines().any(|other| other == *line));
    let left: Vec<_> = same.filter(|line| !names.contains(line)).collect();
    assert!(left.is_empty() && page.title != english.title, "{}: {left:?} in {page:#?}", page.lang);
}
