//! The widget and the sandbox, walked through by a person at a real browser (`tests/browser`).

mod detour;
mod language;
mod visitor;

use serde_json::{Value, json};
use terra_auth_types::wire::admin::ChangeEnvironment;

use self::visitor::{
    Seen,
    Step::{self, Click, Enter, Shoot, TabTo, Type, Untick},
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
async fn a_successful_login_passes_list_login_and_consent() {
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
    assert!(list.cookies.is_empty() && landed.cookies.len() == 1, "{seen:#?}");
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
    let search = [TabTo("Search by name"), Type("fit BIT"), Enter, TabTo("Fitbit"), Enter];
    let seen = visitor.walk(&session, [&search[..], &APPROVE].concat()).await;
    let [all, found, ..] = &seen.pages[..] else { panic!("{seen:#?}") };

    assert!(all.text.contains("Garmin") && all.text.contains("Samsung Health"), "{all:#?}");
    assert!(found.text.contains("1 result") && !found.text.contains("Garmin"), "{found:#?}");
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_brand_is_shown_and_stays_readable() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    for accent in ["#ffd400", "#101010", "#d6336c"] {
        let logo = visitor.app("logo.svg");
        let brand = ChangeEnvironment {
            accent: Some(Some(accent.to_owned())),
            logo_url: Some(Some(logo)),
            ..ChangeEnvironment::default()
        };
        app.change(brand).await;
        let session = session(&app, &visitor, json!({})).await;
        let seen = visitor.walk(&session, [Click("Cancel")]).await;
        assert_eq!(seen.headings(), [CHOOSE, LANDED], "{accent}");
    }
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
    let seen = visitor.walk(&session, APPROVE).await;

    assert_eq!(seen.last().heading, "Fitbit is connected");
    assert!(seen.last().url.starts_with(visitor.widget("session/demo/success?user_id=").as_str()), "{seen:#?}");
}

#[tokio::test]
async fn the_missing_scopes_are_listed() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT", "bypass_feedback": false})).await;
    let untick = [Click("Continue"), Untick("sleep"), Untick("weight"), Click("Approve")];
    let seen = visitor.walk(&session, untick.into_iter().chain([Shoot("left-out"), Click("Continue to Acme")])).await;
    let lines: Vec<_> = seen.pages[2].text.lines().filter(|line| !line.is_empty()).collect();

    assert_eq!(lines[..3], ["Acme", "Fitbit is connected", "Acme can now receive the data you approved."]);
    assert_eq!(lines[3..], ["Not shared", "sleep", "weight", "Continue to Acme"]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

/// Google names its scopes by addresses, which are wider than a phone.
#[tokio::test]
async fn the_missing_scopes_fit_on_a_phone() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "GOOGLE", "bypass_feedback": false})).await;
    let nutrition = "https://www.googleapis.com/auth/googlehealth.nutrition.readonly";
    let seen = visitor.walk(&session, [Click("Continue"), Untick(nutrition), Click("Approve")]).await;

    assert!(seen.last().text.contains("nutrition") && !seen.last().text.contains("sleep"), "{seen:#?}");
}

#[tokio::test]
async fn apple_health_is_connected_on_the_phone() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let apple = json!({"use_terra_avengers_app": true, "apple_app_url": visitor.app("apple")});
    let session = session(&app, &visitor, apple).await;
    let seen = visitor.walk(&session, [Click("Apple Health"), Click("Open the app")]).await;

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
