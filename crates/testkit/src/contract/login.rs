use terra_auth_model::{
    login::{ConnectFailure, ConsumedLogin, RecordedOutcome},
    store::Store,
    widget_session::{SessionState, WidgetSession},
};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

/// A second time fails, whatever the expiry.
pub async fn of_many_who_spend_a_login_one_succeeds(store: Store) {
    let flow_id = Fixtures::default().uuid();
    let spent = at_once(100, |n| {
        let (store, expires_at) = (store.clone(), Fixtures::at(i64::try_from(n % 2).unwrap()));
        async move { store.spend_flow(&flow_id, &expires_at).await.unwrap() }
    });
    assert_eq!(spent.await.into_iter().filter(|spent| *spent).count(), 1);
    assert_eq!(store.consumed_login(&flow_id).await.unwrap(), Some(ConsumedLogin { outcome: None }));
}

/// The first recorded outcome remains.
pub async fn a_login_has_one_outcome(store: Store) {
    let rows = Fixtures::default();
    let outcomes = [
        RecordedOutcome::Connected { user_id: rows.user_id(), declined_scopes: vec!["sleep".to_owned()] },
        RecordedOutcome::Failed(ConnectFailure::MissingScopes(vec!["sleep".to_owned()])),
        RecordedOutcome::Failed(ConnectFailure::Denied),
        RecordedOutcome::Expired,
        RecordedOutcome::Used,
        RecordedOutcome::Abandoned,
    ];
    for outcome in outcomes {
        let flow_id = rows.uuid();
        assert!(!store.end_flow(&flow_id, &outcome).await.unwrap(), "it is not spent");
        store.spend_flow(&flow_id, &Fixtures::at(1)).await.unwrap();
        assert!(store.end_flow(&flow_id, &outcome).await.unwrap());
        assert!(!store.end_flow(&flow_id, &RecordedOutcome::Expired).await.unwrap());
        assert_eq!(store.consumed_login(&flow_id).await.unwrap(), Some(ConsumedLogin { outcome: Some(outcome) }));
    }
}

/// The limit applies, and the session must be open.
pub async fn the_logins_of_a_session_are_counted(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let session = rows.widget_session(&developer);
    store.add_widget_session(&session).await.unwrap();
    let counted = at_once(10, |_| {
        let (store, session_id) = (store.clone(), session.session_id);
        async move { store.count_login(&session_id, &3).await.unwrap() }
    });
    assert_eq!(counted.await.into_iter().filter(|counted| *counted).count(), 3);
    assert_eq!(store.widget_session(&session.session_id).await.unwrap().unwrap().logins, 3);
    let used = WidgetSession { state: SessionState::Connected, ..rows.widget_session(&developer) };
    store.add_widget_session(&used).await.unwrap();
    assert!(!store.count_login(&used.session_id, &3).await.unwrap());
}

/// Only one of many concurrent calls succeeds.
pub async fn a_promised_user_is_taken_once(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let session = WidgetSession { user_id: Some(rows.user_id()), ..rows.widget_session(&developer) };
    store.add_widget_session(&session).await.unwrap();
    let taken = at_once(10, |_| {
        let (store, session_id) = (store.clone(), session.session_id);
        async move { store.take_promised_user(&session_id).await.unwrap() }
    });
    assert_eq!(taken.await.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(store.widget_session(&session.session_id).await.unwrap().unwrap().user_id, None);
}
