use std::slice;

use terra_auth_model::{
    developer::Developer,
    provider::RevokeResponse,
    revocation::{ReportCursor, Revocation, RevocationResult},
    store::Store,
};
use terra_auth_types::wire::admin::{
    RevocationOutcome::{self, AlreadyGone, Confirmed, GivenUp, Impossible, NotNeeded, Pending},
    RevocationReason, RevocationReport,
};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

async fn claim(store: &Store, at: i64, until: i64) -> Vec<Revocation> {
    let provider = Fixtures::default().revocation(&Fixtures::default().developer("acme")).provider;
    store.claim_revocations(&provider, &Fixtures::at(at), &Fixtures::at(until), &20).await.unwrap()
}

async fn report(store: &Store, owed: &Revocation) -> RevocationReport {
    let mut found = store.revocation_reports(&owed.dev_id, &Some(owed.user_id), &None, &9).await.unwrap();
    assert_eq!(found.len(), 1);
    found.pop().unwrap()
}

/// A revocation that ended with this outcome at an instant, without a call.
async fn ended(store: &Store, owed: &Revocation, outcome: RevocationOutcome, at: i64) {
    store.add_revocation(owed).await.unwrap();
    assert!(store.settle_revocation(owed, &Fixtures::settlement(outcome, Fixtures::at(at))).await.unwrap());
}

/// It is claimed like a delivery.
pub async fn a_revocation_is_claimed_retried_and_ended(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    assert_eq!(store.revocation_queues().await.unwrap(), []);
    for outcome in [Confirmed, AlreadyGone, NotNeeded, Impossible, GivenUp] {
        let owed = rows.revocation(&developer);
        store.add_revocation(&owed).await.unwrap();
        assert_eq!(store.revocation_queues().await.unwrap(), [(owed.provider.clone(), Fixtures::NOW)]);
        assert_eq!(claim(&store, -1, 9).await, []);
        let first = Revocation { attempts: 1, next_attempt_at: Fixtures::at(9), ..owed.clone() };
        assert_eq!(claim(&store, 0, 9).await, slice::from_ref(&first));
        assert_eq!(claim(&store, 8, 9).await, []);
        assert!(store.settle_revocation(&first, &Fixtures::settlement(Pending, Fixtures::at(5))).await.unwrap());
        assert_eq!(claim(&store, 34, 50).await, []);
        let again = Revocation { attempts: 2, next_attempt_at: Fixtures::at(50), ..owed.clone() };
        assert_eq!(claim(&store, 35, 50).await, slice::from_ref(&again));
        assert_eq!(store.waiting_revocations().await.unwrap(), 1);
        assert!(store.settle_revocation(&again, &Fixtures::settlement(outcome, Fixtures::at(40))).await.unwrap());
        assert!(!store.settle_revocation(&again, &Fixtures::settlement(Pending, Fixtures::at(41))).await.unwrap());
        assert_eq!(claim(&store, 1000, 2000).await, []);
        assert_eq!(store.waiting_revocations().await.unwrap(), 0);
    }
}

/// A slow worker cannot record a result after another worker has claimed the revocation.
pub async fn an_attempt_that_no_longer_counts_changes_nothing(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    store.add_revocation(&rows.revocation(&developer)).await.unwrap();
    let slow = claim(&store, 0, 9).await.pop().unwrap();
    let quick = claim(&store, 9, 18).await.pop().unwrap();
    assert!(!store.mark_revocation(&slow, &Fixtures::at(1)).await.unwrap());
    assert!(!store.keep_revocation_tokens(&slow, &rows.sealed()).await.unwrap());
    for outcome in [Pending, Confirmed] {
        assert!(!store.settle_revocation(&slow, &Fixtures::settlement(outcome, Fixtures::at(10))).await.unwrap());
    }
    assert_eq!(claim(&store, 18, 27).await, [Revocation { attempts: 3, next_attempt_at: Fixtures::at(27), ..quick }]);
}

/// Like the tokens of a connection, they are marked before the call and stored before their use.
pub async fn the_tokens_of_a_revocation_are_refreshed(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    store.add_revocation(&rows.revocation(&developer)).await.unwrap();
    let claimed = claim(&store, 0, 9).await.pop().unwrap();
    assert!(store.mark_revocation(&claimed, &Fixtures::at(1)).await.unwrap());
    let marked = claim(&store, 9, 18).await.pop().unwrap();
    assert_eq!(
        (marked.in_flight_since, &marked.grant),
        (Some(Fixtures::at(1)), &claimed.grant),
        "a worker stopped during the attempt"
    );

    let newer = rows.sealed();
    assert!(store.keep_revocation_tokens(&marked, &newer).await.unwrap());
    let kept = claim(&store, 18, 27).await.pop().unwrap();
    assert_eq!((kept.in_flight_since, kept.grant.clone()), (None, Some(newer)));

    let lost =
        RevocationResult { in_flight_since: Some(Fixtures::at(20)), ..Fixtures::settlement(Pending, Fixtures::at(21)) };
    assert!(store.settle_revocation(&kept, &lost).await.unwrap());
    assert_eq!(claim(&store, 51, 60).await[0].in_flight_since, Some(Fixtures::at(20)));
}

/// The report has all facts for an operator, and no secret.
pub async fn a_revocation_is_reported_from_its_beginning_to_its_end(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let owed = rows.revocation(&developer);
    store.add_revocation(&owed).await.unwrap();
    let begun = RevocationReport {
        user_id: owed.user_id,
        provider: owed.provider.clone(),
        outcome: Pending,
        reason: None,
        asked_at: Fixtures::NOW,
        attempts: 0,
        last_attempt_at: None,
        next_attempt_at: Some(Fixtures::NOW),
        ended_at: None,
        status: None,
        code: None,
    };
    assert_eq!(report(&store, &owed).await, begun);

    let claimed = claim(&store, 0, 9).await.pop().unwrap();
    store.settle_revocation(&claimed, &Fixtures::settlement(Pending, Fixtures::at(5))).await.unwrap();
    let failed = RevocationReport {
        reason: Some(RevocationReason::Refused),
        attempts: 1,
        last_attempt_at: Some(Fixtures::at(5)),
        next_attempt_at: Some(Fixtures::at(35)),
        status: Some(503),
        ..begun
    };
    assert_eq!(report(&store, &owed).await, failed);

    let claimed = claim(&store, 35, 44).await.pop().unwrap();
    let answer = RevokeResponse { status: Some(400), code: Some("invalid_token".to_owned()) };
    let gone = RevocationResult { answer, ..Fixtures::settlement(AlreadyGone, Fixtures::at(40)) };
    store.settle_revocation(&claimed, &gone).await.unwrap();
    let ended = RevocationReport {
        outcome: AlreadyGone,
        reason: None,
        attempts: 2,
        last_attempt_at: Some(Fixtures::at(40)),
        next_attempt_at: None,
        ended_at: Some(Fixtures::at(40)),
        status: Some(400),
        code: Some("invalid_token".to_owned()),
        ..failed
    };
    assert_eq!(report(&store, &owed).await, ended);
}

/// Pages contain reports of one environment only.
pub async fn the_newest_reports_come_first(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let at = |ms, developer: &Developer| Revocation { created_at: Fixtures::at(ms), ..rows.revocation(developer) };
    let owed = [at(1, &developer), at(2, &developer), at(2, &developer), at(3, &developer)];
    let other = at(9, &rows.developer("other"));
    for revocation in owed.iter().chain([&other]) {
        store.add_revocation(revocation).await.unwrap();
    }
    let mut expected: Vec<_> = owed.iter().map(|owed| (owed.created_at, owed.user_id)).collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));

    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.revocation_reports(&developer.dev_id, &None, &after, &2).await.unwrap();
        found.extend(page.iter().map(|report| (report.asked_at, report.user_id)));
        let Some(last) = page.last() else { break };
        after = Some(ReportCursor { asked_at: last.asked_at, user_id: last.user_id });
    }
    assert_eq!(found, expected);
    let foreign = store.revocation_reports(&developer.dev_id, &Some(other.user_id), &None, &9).await.unwrap();
    assert_eq!(foreign, []);
}

/// An id recurs only by an import, and then the newer tokens must be revoked.
pub async fn a_revocation_of_the_same_id_gives_way(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let earlier = rows.revocation(&developer);
    ended(&store, &earlier, Confirmed, 1).await;
    let later =
        Revocation { user_id: earlier.user_id, next_attempt_at: Fixtures::at(5), ..rows.revocation(&developer) };
    store.add_revocation(&later).await.unwrap();
    let found = report(&store, &later).await;
    assert_eq!((found.outcome, found.status, found.ended_at), (Pending, None, None));
    let claimed = Revocation { attempts: 1, next_attempt_at: Fixtures::at(9), ..later };
    assert_eq!(claim(&store, 5, 9).await, [claimed]);
}

/// Older revocations at another provider are not claimed.
pub async fn a_claim_takes_the_revocations_at_one_provider(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let owed = rows.revocation(&developer);
    let elsewhere = Revocation { provider: "OTHER".parse().unwrap(), ..rows.revocation(&developer) };
    for revocation in [&elsewhere, &owed] {
        store.add_revocation(revocation).await.unwrap();
    }
    assert_eq!(store.revocation_queues().await.unwrap().len(), 2);
    let claimed = Revocation { attempts: 1, next_attempt_at: Fixtures::at(9), ..owed };
    assert_eq!(claim(&store, 0, 9).await, [claimed]);
}

/// Revocations that wait for a retry keep their schedule, unless a fast clock has set it.
pub async fn released_revocations_are_those_that_were_leased(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (leased, failed) = (rows.revocation(&developer), rows.revocation(&developer));
    store.add_revocation(&failed).await.unwrap();
    let claimed = claim(&store, 0, 900).await;
    assert!(store.settle_revocation(&claimed[0], &Fixtures::settlement(Pending, Fixtures::at(500))).await.unwrap());
    store.add_revocation(&leased).await.unwrap();
    assert_eq!(claim(&store, 0, 900).await.len(), 1);
    assert_eq!(store.release_revocations(&Fixtures::at(5)).await.unwrap(), 1);
    assert_eq!(claim(&store, 5, 900).await[0].user_id, leased.user_id);
    assert_eq!(store.reschedule_revocations(&Fixtures::at(20), &Fixtures::at(600)).await.unwrap(), 0);
    assert_eq!(store.reschedule_revocations(&Fixtures::at(20), &Fixtures::at(25)).await.unwrap(), 1);
    assert_eq!(claim(&store, 20, 900).await[0].user_id, failed.user_id);
}

/// Otherwise a provider would get two concurrent calls.
pub async fn no_two_claims_hold_the_same_revocation(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let owed: Vec<_> = (0..20).map(|_| rows.revocation(&developer)).collect();
    for revocation in &owed {
        store.add_revocation(revocation).await.unwrap();
    }
    let claimed = at_once(20, |_| {
        let (store, provider) = (store.clone(), owed[0].provider.clone());
        async move { store.claim_revocations(&provider, &Fixtures::NOW, &Fixtures::at(9), &3).await.unwrap() }
    });
    let mut claimed: Vec<_> = claimed.await.into_iter().flatten().map(|revocation| revocation.user_id).collect();
    let rest = claim(&store, 0, 9).await;
    claimed.extend(rest.into_iter().map(|revocation| revocation.user_id));
    claimed.sort();
    assert_eq!(claimed, owed.iter().map(|revocation| revocation.user_id).collect::<Vec<_>>());
}
