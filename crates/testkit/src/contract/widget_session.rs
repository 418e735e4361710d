use terra_auth_model::{
    store::Store,
    widget_session::{SessionRequest, SessionState, WidgetSession},
};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

const STATES: [SessionState; 4] =
    [SessionState::Open, SessionState::Failed, SessionState::Connected, SessionState::Cancelled];

/// Covers sessions with all optional fields, and with none.
pub async fn a_session_is_read_as_it_was_added(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let request = SessionRequest {
        providers: vec!["GARMIN".parse().unwrap(), "FITBIT".parse().unwrap()],
        language: Some("de".to_owned()),
        reference_id: Some("alice".parse().unwrap()),
        success_url: Some("https://acme.example/ok?a=b".parse().unwrap()),
        connected_users: vec![rows.user_id()],
        bypass_feedback: Some(false),
        ..SessionRequest::default()
    };
    let full = WidgetSession { request, user_id: Some(rows.user_id()), ..rows.widget_session(&developer) };
    for session in [full, rows.widget_session(&developer)] {
        store.add_widget_session(&session).await.unwrap();
        assert_eq!(store.widget_session(&session.session_id).await.unwrap(), Some(session));
    }
    assert_eq!(store.widget_session(&rows.widget_session(&developer).session_id).await.unwrap(), None);
}

/// Covers all transitions between states.
pub async fn a_session_moves_until_it_is_used(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    for from in STATES {
        for to in STATES {
            let session = WidgetSession { state: from, ..rows.widget_session(&developer) };
            store.add_widget_session(&session).await.unwrap();
            let moved = store.move_widget_session(&session.session_id, &to).await.unwrap();
            let state = store.widget_session(&session.session_id).await.unwrap().unwrap().state;
            assert_eq!((moved, state), (!from.is_used(), if from.is_used() { from } else { to }), "{from:?} {to:?}");
        }
    }
    let unknown = rows.widget_session(&developer).session_id;
    assert!(!store.move_widget_session(&unknown, &SessionState::Open).await.unwrap());
}

/// Every use is covered.
pub async fn of_many_who_use_a_session_one_succeeds(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let session = rows.widget_session(&developer);
    store.add_widget_session(&session).await.unwrap();
    let moved = at_once(50, |n| {
        let (store, session_id) = (store.clone(), session.session_id);
        let to = if n % 2 == 0 { SessionState::Connected } else { SessionState::Cancelled };
        async move { store.move_widget_session(&session_id, &to).await.unwrap() }
    });
    assert_eq!(moved.await.into_iter().filter(|moved| *moved).count(), 1);
}

/// It is valid in its last millisecond, and not in the next one.
pub async fn the_session_of_a_user_is_found_until_it_is_used_or_expires(store: Store) {
    let (rows, acme) = (Fixtures::default(), developer(&store, "acme").await);
    let other = developer(&store, "other").await;
    let user_id = rows.user_id();
    let session = WidgetSession { user_id: Some(user_id), ..rows.widget_session(&acme) };
    store.add_widget_session(&session).await.unwrap();
    store.add_widget_session(&rows.widget_session(&acme)).await.unwrap();
    assert_eq!(store.session_of_user(&acme.dev_id, &user_id, &Fixtures::at(999)).await.unwrap(), Some(session.clone()));
    assert_eq!(store.session_of_user(&acme.dev_id, &user_id, &Fixtures::at(1000)).await.unwrap(), None);
    assert_eq!(store.session_of_user(&other.dev_id, &user_id, &Fixtures::NOW).await.unwrap(), None);
    assert_eq!(store.session_of_user(&acme.dev_id, &rows.user_id(), &Fixtures::NOW).await.unwrap(), None);
    for (state, found) in [(SessionState::Failed, true), (SessionState::Connected, false)] {
        store.move_widget_session(&session.session_id, &state).await.unwrap();
        let session = store.session_of_user(&acme.dev_id, &user_id, &Fixtures::NOW).await.unwrap();
        assert_eq!(session.is_some(), found, "{state:?}");
    }
}
