use terra_auth_core::{delivery::AttemptOutcome, revocation::Revocation, store::Store};

use super::{at_once, developer};
use crate::{Rows, Verbs as _};

/// As a delivery is.
pub async fn a_revocation_is_claimed_retried_and_ended(store: Store) {
    let (rows, developer) = (Rows::default(), developer(&store, "acme").await);
    assert_eq!(store.next_revocation_at().await.unwrap(), None);
    for outcome in [AttemptOutcome::Done, AttemptOutcome::GaveUp] {
        let owed = rows.revocation(&developer);
        store.add_revocation(&owed).await.unwrap();
        assert_eq!(store.next_revocation_at().await.unwrap(), Some(Rows::NOW));
        assert_eq!(store.claim_revocations(&Rows::at(-1), &Rows::at(9), &1).await.unwrap(), []);
        let claimed = Revocation { attempts: 1, next_attempt_at: Rows::at(9), ..owed.clone() };
        assert_eq!(store.claim_revocations(&Rows::NOW, &Rows::at(9), &1).await.unwrap(), [claimed]);
        assert_eq!(store.claim_revocations(&Rows::at(8), &Rows::at(9), &1).await.unwrap(), []);
        store.settle_revocation(&owed.user_id, &AttemptOutcome::RetryAt(Rows::at(30))).await.unwrap();
        assert_eq!(store.claim_revocations(&Rows::at(29), &Rows::at(50), &1).await.unwrap(), []);
        let again = Revocation { attempts: 2, next_attempt_at: Rows::at(50), ..owed.clone() };
        assert_eq!(store.claim_revocations(&Rows::at(30), &Rows::at(50), &1).await.unwrap(), [again]);
        assert_eq!(store.waiting_revocations().await.unwrap(), 1);
        store.settle_revocation(&owed.user_id, &outcome).await.unwrap();
        store.settle_revocation(&owed.user_id, &AttemptOutcome::RetryAt(Rows::NOW)).await.unwrap();
        assert_eq!(store.claim_revocations(&Rows::at(1000), &Rows::at(2000), &1).await.unwrap(), []);
        assert_eq!(store.waiting_revocations().await.unwrap(), 0);
    }
}

/// An id comes again only when an import brings it, and then the newer tokens are those to revoke.
pub async fn a_revocation_of_the_same_id_gives_way(store: Store) {
    let (rows, developer) = (Rows::default(), developer(&store, "acme").await);
    let earlier = rows.revocation(&developer);
    store.add_revocation(&earlier).await.unwrap();
    store.settle_revocation(&earlier.user_id, &AttemptOutcome::Done).await.unwrap();
    let later = Revocation { user_id: earlier.user_id, next_attempt_at: Rows::at(5), ..rows.revocation(&developer) };
    store.add_revocation(&later).await.unwrap();
    let claimed = Revocation { attempts: 1, next_attempt_at: Rows::at(9), ..later };
    assert_eq!(store.claim_revocations(&Rows::at(5), &Rows::at(9), &9).await.unwrap(), [claimed]);
}

/// Otherwise a provider would be asked twice at once.
pub async fn no_two_claims_hold_the_same_revocation(store: Store) {
    let (rows, developer) = (Rows::default(), developer(&store, "acme").await);
    let owed: Vec<_> = (0..20).map(|_| rows.revocation(&developer)).collect();
    for revocation in &owed {
        store.add_revocation(revocation).await.unwrap();
    }
    let claimed = at_once(20, |_| {
        let store = store.clone();
        async move { store.claim_revocations(&Rows::NOW, &Rows::at(9), &3).await.unwrap() }
    });
    let mut claimed: Vec<_> = claimed.await.into_iter().flatten().map(|revocation| revocation.user_id).collect();
    let rest = store.claim_revocations(&Rows::NOW, &Rows::at(9), &20).await.unwrap();
    claimed.extend(rest.into_iter().map(|revocation| revocation.user_id));
    claimed.sort();
    assert_eq!(claimed, owed.iter().map(|revocation| revocation.user_id).collect::<Vec<_>>());
}
