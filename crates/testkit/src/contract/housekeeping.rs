use terra_auth_model::{
    delivery::{AttemptOutcome, Delivery},
    housekeeping::Retention,
    receipt::Receipt,
    store::Store,
    widget_session::WidgetSession,
};
use terra_auth_types::wire::admin::RevocationOutcome;

use super::developer;
use crate::{Fixtures, StoreExt as _};

fn expired(ms: i64, limit: u32) -> Retention {
    let before_ms = Fixtures::at(ms).as_millisecond();
    Retention {
        spent_before_ms: before_ms,
        sessions_before_ms: before_ms,
        delivered_before_ms: before_ms,
        receipts_before_ms: before_ms,
        revoked_before_ms: before_ms,
        limit,
    }
}

/// Rows of each kind up to the given millisecond are deleted, and no newer ones.
pub async fn unreachable_rows_are_deleted(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (mut tokens, mut flows, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    for ms in [10, 11] {
        let session = WidgetSession { expires_at: Fixtures::at(ms), ..rows.widget_session(&developer) };
        let delivery = Delivery { created_at: Fixtures::at(ms), ..rows.delivery(&developer) };
        let revocation = rows.revocation(&developer);
        tokens.push(rows.token_id());
        store.spend_token(&tokens[tokens.len() - 1], &Fixtures::at(ms)).await.unwrap();
        let receipt = Receipt { id: rows.uuid(), created_at: Fixtures::at(ms) };
        assert!(store.add_receipt(&receipt).await.unwrap());
        flows.push(rows.uuid());
        store.spend_flow(&flows[flows.len() - 1], &Fixtures::at(ms)).await.unwrap();
        store.add_widget_session(&session).await.unwrap();
        store.add_delivery(&delivery).await.unwrap();
        store.record_delivery_attempt(&delivery, &AttemptOutcome::Done).await.unwrap();
        store.add_revocation(&revocation).await.unwrap();
        let given_up = Fixtures::settlement(RevocationOutcome::GivenUp, Fixtures::at(ms));
        store.settle_revocation(&revocation, &given_up).await.unwrap();
        sessions.push(session);
    }
    assert_eq!(store.forget_expired(&expired(9, 100)).await.unwrap(), 0);
    assert_eq!(store.forget_expired(&expired(10, 100)).await.unwrap(), 6);
    assert_eq!(store.widget_session(&sessions[0].session_id).await.unwrap(), None);
    assert_eq!(store.widget_session(&sessions[1].session_id).await.unwrap(), Some(sessions[1].clone()));
    assert_eq!(store.deliveries(&developer.dev_id, &9).await.unwrap().len(), 1);
    assert_eq!(store.revocation_reports(&developer.dev_id, &None, &None, &9).await.unwrap().len(), 1);
    assert!(store.consumed_login(&flows[0]).await.unwrap().is_none());
    assert!(store.consumed_login(&flows[1]).await.unwrap().is_some());
}

/// Deleted ones, and all others that expire no later, are rejected whatever the clock.
pub async fn what_was_forgotten_stays_spent(store: Store) {
    let rows = Fixtures::default();
    let (tokens, flows) = ([10, 20].map(|ms| (rows.token_id(), ms)), [15, 25].map(|ms| (rows.uuid(), ms)));
    for ((token_id, token_ms), (flow_id, flow_ms)) in tokens.iter().zip(&flows) {
        assert!(store.spend_token(token_id, &Fixtures::at(*token_ms)).await.unwrap());
        assert!(store.spend_flow(flow_id, &Fixtures::at(*flow_ms)).await.unwrap());
    }
    assert_eq!(store.forget_expired(&expired(1_000, 1)).await.unwrap(), 2);
    assert!(!store.spend_token(&tokens[0].0, &Fixtures::at(10)).await.unwrap());
    assert!(!store.spend_token(&rows.token_id(), &Fixtures::at(10)).await.unwrap());
    assert!(store.spend_token(&rows.token_id(), &Fixtures::at(11)).await.unwrap());
    assert!(!store.spend_flow(&flows[0].0, &Fixtures::at(15)).await.unwrap());
    assert!(store.spend_flow(&rows.uuid(), &Fixtures::at(16)).await.unwrap());
    assert_eq!(store.forget_expired(&expired(20, 100)).await.unwrap(), 3);
    assert!(!store.spend_token(&tokens[1].0, &Fixtures::at(20)).await.unwrap());
    assert!(!store.spend_flow(&rows.uuid(), &Fixtures::at(16)).await.unwrap());
    assert!(!store.spend_flow(&flows[1].0, &Fixtures::at(25)).await.unwrap(), "it is not forgotten yet");
    assert!(store.spend_token(&rows.token_id(), &Fixtures::at(21)).await.unwrap());
}

/// Its age does not matter.
pub async fn what_still_waits_is_not_forgotten(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    store.add_delivery(&rows.delivery(&developer)).await.unwrap();
    store.add_revocation(&rows.revocation(&developer)).await.unwrap();
    store.add_connection(&rows.connection(&developer)).await.unwrap();
    assert_eq!(store.forget_expired(&expired(1_000_000, 100)).await.unwrap(), 0);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 1);
    assert_eq!(store.waiting_revocations().await.unwrap(), 1);
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 1);
}

/// Batches delete the oldest rows first, so that each batch is short.
pub async fn housekeeping_takes_small_bites(store: Store) {
    let rows = Fixtures::default();
    let tokens: Vec<_> = (0..5).map(|_| rows.token_id()).collect();
    for (ms, token_id) in (0..).zip(&tokens) {
        store.spend_token(token_id, &Fixtures::at(ms)).await.unwrap();
    }
    assert_eq!(store.forget_expired(&expired(100, 2)).await.unwrap(), 2);
    assert!(!store.spend_token(&tokens[2], &Fixtures::at(2)).await.unwrap());
    assert_eq!(store.forget_expired(&expired(100, 2)).await.unwrap(), 2);
    assert_eq!(store.forget_expired(&expired(100, 2)).await.unwrap(), 1);
    assert_eq!(store.forget_expired(&expired(100, 2)).await.unwrap(), 0);
}
