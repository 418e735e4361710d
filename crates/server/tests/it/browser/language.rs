//! What the pages say, and in which language.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    session,
    visitor::{
        Page,
        Step::{Click, Open, Shoot, Untick},
        Visitor,
    },
};
use crate::support::TestApp;

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
async fn the_language_of_the_session_takes_precedence() {
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
    let names = [
        "Acme",
        "COROS",
        "Dexcom",
        "Fitbit",
        "Garmin",
        "Google Health",
        "Oura",
        "Polar",
        "Strava",
        "Suunto",
        "Ultrahuman",
        "Wahoo",
        "WHOOP",
        "Withings",
        "sleep",
    ];
    let same = page.text.lines().filter(|line| !line.is_empty() && english.text.lines().any(|other| other == *line));
    let left: Vec<_> = same.filter(|line| !names.contains(line)).collect();
    assert!(left.is_empty() && page.title != english.title, "{}: {left:?} in {page:#?}", page.lang);
}
