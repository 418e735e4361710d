//! The ways that do not lead straight to a connection.

use jiff::SignedDuration;
use serde_json::json;
use terra_auth_sandbox::{Endpoint, ProviderProfile};
use terra_auth_types::wire::admin::ChangeEnvironment;

use super::{
    APPROVE, CHOOSE, CONSENT, DENY, LANDED, LOGIN, done, session,
    visitor::{
        Step::{Back, Click, MakeTrouble, Open, Reload, Shoot},
        Visitor,
    },
};
use crate::support::TestApp;

#[tokio::test]
async fn a_failed_login_redirects_with_its_reason() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT"})).await;
    let seen = visitor.walk(&session, DENY).await;

    let failed = visitor.app("failed?reference_id=alice&resource=FITBIT&reason=access_denied");
    assert_eq!(seen.end(), (failed.as_str(), 200));
}

#[tokio::test]
async fn a_user_who_denied_access_can_try_again() {
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
        MakeTrouble("None: respond normally"),
        Click("Approve"),
        Shoot("connected"),
    ];
    let seen = visitor.walk(&session, [&down[..], &again, &[Click("Continue to Acme")]].concat()).await;

    assert_eq!((&*seen.pages[2].heading, seen.pages[2].status), ("Fitbit is not responding", 502));
    assert_eq!(seen.headings()[3..], [LOGIN, CONSENT, "Fitbit is connected", LANDED]);
    assert_eq!(seen.end(), (&*done(&app, &visitor).await, 200));
}

#[tokio::test]
async fn a_user_who_cancels_at_the_provider_can_choose_another() {
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
async fn an_expired_session_still_accepts_a_pending_login() {
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
    let nowhere = Open(app.sandbox.endpoint(&ProviderProfile::FITBIT, Endpoint::Authorize));
    let seen = visitor.walk(&altered, [elsewhere, nowhere]).await;

    assert_eq!(
        seen.headings(),
        ["This link does not work", "Please use one browser from start to finish", "This login cannot continue"]
    );
    assert_eq!(seen.pages.iter().map(|page| page.status).collect::<Vec<_>>(), [404, 400, 400]);
}

#[tokio::test]
async fn at_the_cap_nobody_is_sent_to_a_provider() {
    let app = TestApp::serve().await;
    app.change(ChangeEnvironment { user_limit: Some(Some(0)), ..ChangeEnvironment::default() }).await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({})).await;
    let seen = visitor.walk(&session, [Click("Fitbit"), Click("Return to Acme")]).await;

    assert_eq!((&*seen.pages[1].heading, seen.pages[1].status), ("No new connections at the moment", 403));
    let failed = visitor.app("failed?reference_id=alice&resource=FITBIT&reason=user_limit_reached");
    assert_eq!(seen.end(), (failed.as_str(), 200));
}

#[tokio::test]
async fn cancelling_redirects_to_the_app() {
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
async fn a_result_that_is_loaded_again_is_shown_again() {
    let app = TestApp::serve().await;
    let visitor = Visitor::of(&app).await;
    let session = session(&app, &visitor, json!({"providers": "FITBIT", "bypass_feedback": false})).await;
    let seen = visitor.walk(&session, [&APPROVE[..], &[Reload]].concat()).await;

    assert_eq!((&*seen.last().heading, seen.last().status), ("Fitbit is connected", 200), "{seen:#?}");
    assert_eq!(app.events().await.len(), 1);
}
