use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    grant::{FailureRecord, Lease, NewTokens, RefreshRecord, StoredGrant},
    keys::Sealed,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::wire::admin::{FailedRefresh, GrantState, RefreshFailure, RevocationOutcome};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

async fn connected(store: &Store, connection: Connection) -> StoredGrant {
    store.add_connection(&connection).await.unwrap();
    again(store, &connection).await
}

async fn fresh(store: &Store) -> StoredGrant {
    let developer = developer(store, "acme").await;
    connected(store, Fixtures::default().connection(&developer)).await
}

async fn again(store: &Store, connection: &Connection) -> StoredGrant {
    store.kept_grant(&connection.dev_id, &connection.user_id).await.unwrap().unwrap()
}

async fn now_kept(store: &Store, grant: &StoredGrant) -> StoredGrant {
    store.kept_grant(&grant.dev_id, &grant.user_id).await.unwrap().unwrap()
}

fn lease(now_ms: i64) -> Lease {
    let now = Fixtures::at(now_ms);
    Lease { now, until: Fixtures::at(now_ms + 100), in_flight_since: Some(now) }
}

async fn leased(store: &Store, seen: &StoredGrant, lease: Lease) -> StoredGrant {
    assert!(store.lease_grant(seen, &lease).await.unwrap());
    now_kept(store, seen).await
}

fn tokens(mark: u8) -> NewTokens {
    NewTokens {
        sealed: Sealed(vec![mark]),
        scopes: None,
        expires_at: Some(Fixtures::at(2000)),
        refresh_at: Some(Fixtures::at(1000)),
        saved_at: Fixtures::at(4),
        unconfirmed_since: None,
    }
}

fn verdict() -> FailureRecord {
    FailureRecord {
        error: FailedRefresh { class: RefreshFailure::GrantRefused, at: Fixtures::at(7) },
        state: GrantState::Revoked,
        active: Some(false),
        refresh_at: None,
        in_flight_since: None,
        failures: 3,
        error_told_at: Some(Fixtures::at(7)),
    }
}

/// Its expiry is unknown.
pub async fn a_grant_is_due_for_a_look_when_its_connection_is_made(store: Store) {
    let grant = fresh(&store).await;
    assert_eq!((grant.expires_at, grant.refresh_at), (None, Some(Fixtures::NOW)));
    assert_eq!((grant.version, grant.lease, grant.lease_until, grant.in_flight_since), (0, 0, None, None));
    assert_eq!((grant.failures, grant.error_reported_at, grant.state), (0, None, GrantState::Fine));
    assert!(store.schedule_refresh(&grant, &Some(Fixtures::at(9)), &Some(Fixtures::at(5))).await.unwrap());
    let scheduled =
        StoredGrant { expires_at: Some(Fixtures::at(9)), refresh_at: Some(Fixtures::at(5)), ..grant.clone() };
    assert_eq!(now_kept(&store, &grant).await, scheduled);
    leased(&store, &scheduled, lease(0)).await;
    assert!(!store.schedule_refresh(&grant, &None, &None).await.unwrap(), "another worker has the lease");
}

/// A connection of an on-device source has no grant.
pub async fn only_connections_with_tokens_have_a_grant(store: Store) {
    let developer = developer(&store, "acme").await;
    let on_device = Connection { grant: None, ..Fixtures::default().connection(&developer) };
    store.add_connection(&on_device).await.unwrap();
    assert_eq!(store.kept_grant(&on_device.dev_id, &on_device.user_id).await.unwrap(), None);
    assert_eq!(store.hold_grant(&on_device.dev_id, &on_device.user_id).await.unwrap(), None);
    assert_eq!(store.refresh_record(&on_device.dev_id, &on_device.user_id).await.unwrap(), None);
    assert_eq!(store.claim_grants(&on_device.provider, &Fixtures::at(9), &Fixtures::at(10), &9).await.unwrap(), []);
    assert_eq!(store.next_refresh_at(&on_device.provider).await.unwrap(), None);
}

/// Grants of other providers, and grants that are not due, are not claimed.
pub async fn a_claimed_grant_is_hidden_and_others_are_not(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let due = connected(&store, rows.connection(&developer)).await;
    let later = Connection { created_at: Fixtures::at(10), ..rows.connection(&developer) };
    let later = connected(&store, later).await;
    let elsewhere = Connection { provider: "GARMIN".parse().unwrap(), ..rows.connection(&developer) };
    let elsewhere = connected(&store, elsewhere).await;
    let claim = |now_ms, limit| {
        let (store, provider) = (store.clone(), due.provider.clone());
        async move { store.claim_grants(&provider, &Fixtures::at(now_ms), &Fixtures::at(50), &limit).await.unwrap() }
    };
    assert_eq!(claim(9, 0).await, []);
    let claimed = StoredGrant { refresh_at: Some(Fixtures::at(50)), ..due.clone() };
    assert_eq!(claim(9, 9).await, std::slice::from_ref(&claimed));
    assert_eq!(claim(10, 9).await, [StoredGrant { refresh_at: Some(Fixtures::at(50)), ..later }]);
    assert_eq!(claim(49, 9).await, []);
    assert_eq!(claim(50, 1).await, [claimed]);
    assert_eq!(now_kept(&store, &elsewhere).await, elsewhere);
}

/// Concurrent claims return each grant exactly once.
pub async fn no_two_claims_hold_the_same_grant(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let mut added = Vec::new();
    for _ in 0..60 {
        added.push(connected(&store, rows.connection(&developer)).await.user_id);
    }
    let provider = rows.connection(&developer).provider;
    let claim = || {
        let (store, provider) = (store.clone(), provider.clone());
        async move { store.claim_grants(&provider, &Fixtures::NOW, &Fixtures::at(1000), &7).await.unwrap() }
    };
    let mut claimed: Vec<_> = at_once(20, |_| claim()).await.into_iter().flatten().collect();
    while claimed.len() < added.len() {
        let rest = claim().await; // a claim skips locked rows
        assert!(!rest.is_empty(), "only {} were claimed", claimed.len());
        claimed.extend(rest);
    }
    let mut claimed: Vec<_> = claimed.into_iter().map(|grant| grant.user_id).collect();
    claimed.sort();
    assert_eq!(claimed, added);
}

/// Only grants of the requested provider are claimed.
pub async fn the_next_refresh_is_known(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    for ms in [20, 10] {
        connected(&store, Connection { created_at: Fixtures::at(ms), ..rows.connection(&developer) }).await;
    }
    assert_eq!(store.next_refresh_at(&"FITBIT".parse().unwrap()).await.unwrap(), Some(Fixtures::at(10)));
    assert_eq!(store.next_refresh_at(&"GARMIN".parse().unwrap()).await.unwrap(), None);
}

/// The other callers see the lease.
pub async fn of_many_who_lease_a_grant_one_succeeds(store: Store) {
    let seen = fresh(&store).await;
    let taken = at_once(20, |_| {
        let (store, seen) = (store.clone(), seen.clone());
        async move { store.lease_grant(&seen, &lease(0)).await.unwrap() }
    });
    assert_eq!(taken.await.into_iter().filter(|taken| *taken).count(), 1);
    let held = now_kept(&store, &seen).await;
    assert_eq!((held.lease, held.lease_until, held.in_flight_since), (1, Some(Fixtures::at(100)), Some(Fixtures::NOW)));
    assert!(!store.lease_grant(&held, &lease(99)).await.unwrap());
}

/// It ends at the exact millisecond, and a worker with an older lease cannot take it.
pub async fn a_lease_ends_by_itself(store: Store) {
    let seen = fresh(&store).await;
    let held = leased(&store, &seen, lease(0)).await;
    assert!(!store.lease_grant(&seen, &lease(100)).await.unwrap(), "not as it was seen");
    let again = leased(&store, &held, lease(100)).await;
    assert_eq!((again.lease, again.lease_until), (2, Some(Fixtures::at(200))));
}

/// Earlier failures do not matter.
pub async fn kept_tokens_make_a_grant_fine(store: Store) {
    let seen = fresh(&store).await;
    let held = leased(&store, &seen, lease(0)).await;
    let failing = FailureRecord { state: GrantState::Failing, ..verdict() };
    assert!(store.settle_grant(&held, &failing).await.unwrap());
    let settled = now_kept(&store, &seen).await;
    assert_eq!(
        (settled.state, settled.failures, settled.error_reported_at),
        (GrantState::Failing, 3, Some(Fixtures::at(7)))
    );
    assert_eq!((settled.refresh_at, settled.lease, settled.lease_until), (None, 2, None));
    assert!(!store.connection(&seen.dev_id, &seen.user_id).await.unwrap().unwrap().active);

    let held = leased(&store, &settled, lease(0)).await;
    let new = NewTokens { scopes: Some("read".to_owned()), ..tokens(1) };
    assert!(store.keep_tokens(&held, &new).await.unwrap());
    assert!(store.keep_tokens(&held, &new).await.unwrap(), "said twice");
    let kept = StoredGrant {
        sealed: Sealed(vec![1]),
        scopes: Some("read".to_owned()),
        version: 3,
        expires_at: Some(Fixtures::at(2000)),
        refresh_at: Some(Fixtures::at(1000)),
        lease: 3,
        ..seen.clone()
    };
    assert_eq!(now_kept(&store, &seen).await, kept);
    assert!(store.connection(&seen.dev_id, &seen.user_id).await.unwrap().unwrap().active);
}

/// Only the tokens of the call are confirmed. Newer tokens need their own call.
pub async fn refreshed_tokens_wait_until_they_are_confirmed(store: Store) {
    let seen = fresh(&store).await;
    let new = |ms| NewTokens { unconfirmed_since: Some(Fixtures::at(ms)), ..tokens(1) };
    let held = leased(&store, &seen, lease(0)).await;
    assert!(store.keep_tokens(&held, &new(4)).await.unwrap());
    let first = now_kept(&store, &seen).await;
    assert_eq!(first.unconfirmed_since, Some(Fixtures::at(4)));
    let held = leased(&store, &first, lease(200)).await;
    assert!(store.keep_tokens(&held, &new(5)).await.unwrap());
    assert!(!store.confirm_grant(&first).await.unwrap());
    let second = now_kept(&store, &seen).await;
    assert_eq!(second.unconfirmed_since, Some(Fixtures::at(5)));
    assert!(store.confirm_grant(&second).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await, StoredGrant { unconfirmed_since: None, ..second });
}

/// The report has the time of the state, the last error, and the time of the tokens.
pub async fn what_becomes_of_refreshes_is_remembered(store: Store) {
    let seen = fresh(&store).await;
    let record = async || store.refresh_record(&seen.dev_id, &seen.user_id).await.unwrap().unwrap();
    let never = RefreshRecord {
        state: GrantState::Fine,
        since: None,
        failures: 0,
        last_error: None,
        refreshed_at: None,
        next_at: Some(Fixtures::NOW),
    };
    assert_eq!(record().await, never);
    let error = |ms| FailedRefresh { class: RefreshFailure::AnswerLost, at: Fixtures::at(ms) };
    for (ms, failures) in [(20, 1), (30, 2)] {
        let seen = now_kept(&store, &seen).await;
        let held = leased(&store, &seen, lease(ms)).await;
        let failing = FailureRecord { error: error(ms), state: GrantState::Failing, failures, ..verdict() };
        assert!(store.settle_grant(&held, &failing).await.unwrap());
        let last_error = Some(error(ms));
        let since = Some(Fixtures::at(20));
        let told = RefreshRecord { state: failing.state, since, failures, last_error, next_at: None, ..never.clone() };
        assert_eq!(record().await, told);
    }
    for ms in [40, 50] {
        let held = leased(&store, &now_kept(&store, &seen).await, lease(ms)).await;
        assert!(store.keep_tokens(&held, &NewTokens { saved_at: Fixtures::at(ms), ..tokens(1) }).await.unwrap());
        let (since, refreshed_at, next_at) = (Some(Fixtures::at(40)), Some(Fixtures::at(ms)), Some(Fixtures::at(1000)));
        let told = RefreshRecord { since, last_error: Some(error(30)), refreshed_at, next_at, ..never.clone() };
        assert_eq!(record().await, told, "it works again since then");
    }
}

/// The number of the lease decides which tokens are newer.
pub async fn older_tokens_never_replace_newer_ones(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(store.keep_tokens(&quick, &tokens(2)).await.unwrap());
    assert!(!store.keep_tokens(&slow, &tokens(1)).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await.sealed, Sealed(vec![2]));
}

/// The provider has not rejected the current tokens.
pub async fn a_verdict_on_older_tokens_is_not_recorded(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(store.keep_tokens(&slow, &tokens(1)).await.unwrap());
    assert!(!store.settle_grant(&quick, &verdict()).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await.state, GrantState::Fine);
}

/// Another worker holds the lease.
pub async fn a_worker_that_lost_a_lease_settles_nothing(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(!store.settle_grant(&slow, &verdict()).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await, quick);
}

/// The result of the other worker is newer.
pub async fn late_tokens_leave_the_lease_of_another_alone(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(store.keep_tokens(&slow, &tokens(1)).await.unwrap());
    let held = now_kept(&store, &seen).await;
    assert_eq!((held.lease_until, held.in_flight_since), (quick.lease_until, quick.in_flight_since));
    assert!(store.keep_tokens(&quick, &tokens(2)).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await.sealed, Sealed(vec![2]));
}

/// The provider issued them, but a concurrent call may have used them.
pub async fn late_tokens_outdo_a_doubt(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    let doubt = FailureRecord { state: GrantState::NeedsConsent, in_flight_since: Some(Fixtures::NOW), ..verdict() };
    assert!(store.settle_grant(&quick, &doubt).await.unwrap());
    assert!(store.keep_tokens(&slow, &tokens(1)).await.unwrap());
    let kept = now_kept(&store, &seen).await;
    assert_eq!((kept.state, kept.in_flight_since, kept.failures), (GrantState::Fine, Some(Fixtures::NOW), 0));
    assert!(store.connection(&seen.dev_id, &seen.user_id).await.unwrap().unwrap().active);
}

/// It is reported once.
pub async fn late_tokens_do_not_undo_a_revocation(store: Store) {
    let seen = fresh(&store).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(store.settle_grant(&quick, &verdict()).await.unwrap());
    assert!(!store.keep_tokens(&slow, &tokens(1)).await.unwrap());
    assert_eq!(now_kept(&store, &seen).await.state, GrantState::Revoked);
}

/// A worker with an older lease has the old tokens, whose result does not apply to the new ones.
pub async fn tokens_of_a_login_are_newer_than_those_of_any_lease(store: Store) {
    let developer = developer(&store, "acme").await;
    let connection = Fixtures::default().connection(&developer);
    let seen = connected(&store, connection.clone()).await;
    let slow = leased(&store, &seen, lease(0)).await;
    let quick = leased(&store, &slow, lease(100)).await;
    assert!(store.settle_grant(&quick, &verdict()).await.unwrap());
    let login = Connection { grant: Some(Sealed(vec![9])), ..connection };
    assert!(store.renew_connection(&login, &Fixtures::at(200)).await.unwrap());
    let record = store.refresh_record(&seen.dev_id, &seen.user_id).await.unwrap().unwrap();
    assert_eq!((record.state, record.since), (GrantState::Fine, Some(Fixtures::at(200))));

    let renewed = now_kept(&store, &seen).await;
    for (held, mark) in [(&slow, 1), (&quick, 2)] {
        assert!(!store.keep_tokens(held, &tokens(mark)).await.unwrap());
        assert!(!store.settle_grant(held, &verdict()).await.unwrap());
        assert!(!store.schedule_refresh(held, &None, &None).await.unwrap());
        assert!(!store.lease_grant(held, &lease(200)).await.unwrap());
    }
    let fresh = StoredGrant {
        sealed: Sealed(vec![9]),
        version: renewed.lease,
        refresh_at: Some(Fixtures::at(200)),
        lease: renewed.lease,
        ..seen.clone()
    };
    assert_eq!(now_kept(&store, &seen).await, fresh);
    assert!(renewed.lease > quick.lease);
    let held = leased(&store, &fresh, lease(200)).await;
    assert!(store.keep_tokens(&held, &tokens(3)).await.unwrap());
}

/// Concurrent updates see the scopes of the previous update.
pub async fn a_worker_that_leases_a_grant_sees_the_stored_state(store: Store) {
    let seen = fresh(&store).await;
    let held = leased(&store, &seen, lease(0)).await;
    let before = at_once(8, |n| {
        let new = NewTokens { scopes: Some(n.to_string()), ..tokens(1) };
        let (store, unit) = (store.clone(), LockAndSave(held.clone(), new));
        async move { (n.to_string(), store.run(unit).await.unwrap()) }
    });
    let mut chain = before.await;
    let mut last = seen.scopes;
    while let Some(next) = chain.iter().position(|(_, before)| *before == last) {
        last = Some(chain.swap_remove(next).0);
    }
    assert_eq!((chain, now_kept(&store, &held).await.scopes), (vec![], last));
}

/// A unit that sets scopes. Returns the previous ones.
struct LockAndSave(StoredGrant, NewTokens);

#[async_trait]
impl Unit for LockAndSave {
    type Done = Option<String>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<String>, StoreError> {
        let Self(held, new) = self;
        let before = tx.lock_grant(&held.dev_id, held.user_id).await?.and_then(|grant| grant.scopes);
        tx.save_tokens(held, new).await?;
        Ok(before)
    }
}

/// Equal fields do not matter.
pub async fn no_environment_refreshes_the_grants_of_another(store: Store) {
    let grant = fresh(&store).await;
    let other = StoredGrant { dev_id: developer(&store, "other").await.dev_id, ..grant.clone() };
    assert_eq!(store.kept_grant(&other.dev_id, &other.user_id).await.unwrap(), None);
    assert_eq!(store.hold_grant(&other.dev_id, &other.user_id).await.unwrap(), None);
    assert_eq!(store.refresh_record(&other.dev_id, &other.user_id).await.unwrap(), None);
    assert!(!store.schedule_refresh(&other, &None, &None).await.unwrap());
    assert!(!store.lease_grant(&other, &lease(0)).await.unwrap());
    assert!(!store.keep_tokens(&other, &tokens(1)).await.unwrap());
    assert!(!store.settle_grant(&other, &verdict()).await.unwrap());
    assert_eq!(now_kept(&store, &grant).await, grant);
}

/// This includes connections that had ended.
pub async fn a_revocation_starts_again_with_newer_tokens(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let owed = rows.revocation(&developer);
    let newer = Sealed(vec![1]);
    assert!(!store.renew_revocation(&owed.user_id, &newer, &Fixtures::NOW).await.unwrap());
    store.add_revocation(&owed).await.unwrap();
    let settlement = Fixtures::settlement(RevocationOutcome::Confirmed, Fixtures::NOW);
    store.settle_revocation(&owed, &settlement).await.unwrap();
    assert!(store.renew_revocation(&owed.user_id, &newer, &Fixtures::at(5)).await.unwrap());
    let claimed = store.claim_revocations(&owed.provider, &Fixtures::at(5), &Fixtures::at(9), &9).await.unwrap();
    assert_eq!(claimed.iter().map(|owed| (&owed.grant, owed.attempts)).collect::<Vec<_>>(), [(&Some(newer), 2)]);
}

/// This covers every environment and no other account. A repetition has an effect only after a while.
pub async fn a_notice_lets_the_grants_of_an_account_fall_due_once(store: Store) {
    let (rows, here, there) = (Fixtures::default(), developer(&store, "acme").await, developer(&store, "other").await);
    let other = Connection { account: "account-2".to_owned(), ..rows.connection(&here) };
    let mut told = Vec::new();
    for connection in [rows.connection(&here), rows.connection(&there), other] {
        let seen = connected(&store, connection).await;
        assert!(store.schedule_refresh(&seen, &Some(Fixtures::at(90)), &Some(Fixtures::at(80))).await.unwrap());
        told.push(seen);
    }
    let hasten = async |now, not_since| {
        let account = "account-1".to_owned();
        store.hasten_refresh(&told[0].provider, &account, &Fixtures::at(now), &Fixtures::at(not_since)).await.unwrap()
    };
    assert_eq!(hasten(10, -10).await, 2);
    for (seen, due) in told.iter().zip([10, 10, 80]) {
        let kept = now_kept(&store, seen).await;
        assert_eq!((kept.refresh_at, kept.expires_at), (Some(Fixtures::at(due)), Some(Fixtures::at(90))));
    }
    assert!(store.schedule_refresh(&told[0], &Some(Fixtures::at(90)), &Some(Fixtures::at(80))).await.unwrap());
    assert_eq!(hasten(20, 9).await, 0, "that was done a moment ago");
    assert_eq!(hasten(20, 10).await, 1, "the other one is due already");
}

/// An earlier notification refers to the earlier grant.
pub async fn the_grant_of_a_login_is_hastened_again(store: Store) {
    let developer = developer(&store, "acme").await;
    let connection = Fixtures::default().connection(&developer);
    let seen = connected(&store, connection.clone()).await;
    assert!(store.schedule_refresh(&seen, &Some(Fixtures::at(90)), &Some(Fixtures::at(80))).await.unwrap());
    let hasten = async |now| {
        store.hasten_refresh(&seen.provider, &connection.account, &Fixtures::at(now), &Fixtures::at(9)).await.unwrap()
    };
    assert_eq!((hasten(10).await, hasten(20).await), (1, 0));
    assert!(store.renew_connection(&connection, &Fixtures::at(30)).await.unwrap());
    assert_eq!(hasten(40).await, 1);
}

/// Only the end user can repair it, so no refresh is due.
pub async fn a_grant_that_is_over_is_not_hastened(store: Store) {
    let fresh = fresh(&store).await;
    let account = "account-1".to_owned();
    let leased = leased(&store, &fresh, lease(0)).await;
    assert!(store.settle_grant(&leased, &verdict()).await.unwrap());
    assert_eq!(store.hasten_refresh(&fresh.provider, &account, &Fixtures::at(9), &Fixtures::NOW).await.unwrap(), 0);
    let connection = Connection { account, ..Fixtures::default().connection(&developer(&store, "other").await) };
    let unseen = connected(&store, connection).await;
    let name = "account-1".to_owned();
    assert_eq!(store.hasten_refresh(&fresh.provider, &name, &Fixtures::at(9), &Fixtures::NOW).await.unwrap(), 1);
    assert_eq!(now_kept(&store, &unseen).await.expires_at, Some(Fixtures::at(9)), "to be refreshed, not looked at");
}

/// This covers grants that are restored from a backup. An existing mark remains, because it is older.
pub async fn every_grant_is_put_in_doubt_and_no_lease_holds(store: Store) {
    let developer = developer(&store, "acme").await;
    let (idle, refreshed, busy) = (Fixtures::default(), Fixtures::default(), Fixtures::default());
    let other =
        |account: &str, rows: &Fixtures| Connection { account: account.to_owned(), ..rows.connection(&developer) };
    let idle = connected(&store, Connection { user_id: uuid(1), ..other("account-1", &idle) }).await;
    let refreshed = connected(&store, Connection { user_id: uuid(2), ..other("account-2", &refreshed) }).await;
    let busy = connected(&store, Connection { user_id: uuid(3), ..other("account-3", &busy) }).await;
    let done = leased(&store, &refreshed, lease(0)).await;
    assert!(store.keep_tokens(&done, &tokens(7)).await.unwrap());
    let busy = leased(&store, &busy, lease(5)).await;

    assert_eq!(store.mark_in_doubt().await.unwrap(), 3);

    let marks = [now_kept(&store, &idle).await, now_kept(&store, &refreshed).await, now_kept(&store, &busy).await];
    assert_eq!(marks[0].in_flight_since, Some(Fixtures::NOW), "since it was connected");
    assert_eq!(marks[1].in_flight_since, Some(Fixtures::at(4)), "since its tokens came");
    assert_eq!(marks[2].in_flight_since, busy.in_flight_since);
    assert!(marks.iter().all(|grant| grant.lease_until.is_none()));
}

fn uuid(number: u128) -> terra_auth_types::UserId {
    terra_auth_types::UserId(uuid::Uuid::from_u128(number))
}
