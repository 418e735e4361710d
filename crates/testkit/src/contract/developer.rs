use std::slice;

use async_trait::async_trait;
use terra_auth_model::{
    api_key::ApiKeyRecord,
    delivery::Delivery,
    developer::{Developer, EnvironmentStatus, RetiringSecret},
    housekeeping::Retention,
    keys::Sealed,
    revocation::Revocation,
    store::{Store, Tx, Unit},
    store_error::StoreError,
    widget_session::WidgetSession,
};
use terra_auth_types::{
    DevId, Environment,
    wire::admin::{RevocationOutcome, SignWith},
};

use super::{at_once, developer};
use crate::{Fixtures, StoreExt as _};

fn with_everything(developer: Developer) -> Developer {
    Developer {
        name: "Acme Größe".to_owned(),
        logo_url: Some("https://acme.example/logo.svg".parse().unwrap()),
        accent: Some("#0a7cff".to_owned()),
        user_limit: Some(u32::MAX),
        providers: Some(vec!["GARMIN".parse().unwrap(), "FITBIT".parse().unwrap()]),
        redirect_allow_list: vec!["https://acme.example/a".parse().unwrap(), "https://acme.example/b".parse().unwrap()],
        keep_user_id: true,
        bound_tokens_only: true,
        retiring_secret: Some(RetiringSecret {
            secret: Sealed(vec![0, 1, 255]),
            until: Fixtures::at(7),
            sign_with: SignWith::New,
        }),
        status: EnvironmentStatus::Disabled,
        ..developer
    }
}

/// Covers developers with all optional fields, and with none.
pub async fn a_developer_is_read_as_it_was_added(store: Store) {
    let rows = Fixtures::default();
    let bare = rows.developer("bare");
    let full = Developer { environment: Environment::Production, ..with_everything(rows.developer("full")) };
    for developer in [bare, full] {
        assert!(store.add_developer(&developer).await.unwrap());
        assert_eq!(store.developer(&developer.dev_id).await.unwrap(), Some(developer.clone()));
        assert_eq!(store.lock_developer(&developer.dev_id).await.unwrap(), Some(developer));
    }
    assert_eq!(store.developer(&Fixtures::dev_id("unknown")).await.unwrap(), None);
    assert_eq!(store.lock_developer(&Fixtures::dev_id("unknown")).await.unwrap(), None);
}

/// The second one is rejected and changes nothing.
pub async fn a_dev_id_is_taken_once(store: Store) {
    let first = developer(&store, "acme").await;
    let second = Developer { name: "Impostor".to_owned(), ..first.clone() };
    assert!(!store.add_developer(&second).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), [first]);
}

/// The update ignores new values of these three fields.
pub async fn a_developer_is_updated_but_for_its_id_environment_and_creation(store: Store) {
    let (first, other) = (developer(&store, "acme").await, developer(&store, "other").await);
    let changed = Developer { signing_secret: Fixtures::default().sealed(), ..with_everything(first.clone()) };
    let update = Developer { environment: Environment::Production, created_at: Fixtures::at(1), ..changed.clone() };
    assert!(store.update_developer(&update).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), [changed, other.clone()]);
    let cleared = Developer { status: EnvironmentStatus::Deleting, ..first };
    assert!(store.update_developer(&cleared).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), [cleared, other]);
}

/// The update does not add it.
pub async fn an_unknown_developer_is_not_updated(store: Store) {
    assert!(!store.update_developer(&Fixtures::default().developer("unknown")).await.unwrap());
    assert_eq!(store.developers().await.unwrap(), []);
}

/// The locale of the machine does not matter: `B` sorts before `_` before `a`.
pub async fn developers_come_by_the_bytes_of_their_ids(store: Store) {
    for dev_id in ["b", "a", "_", "B", "aa", "a-b"] {
        developer(&store, dev_id).await;
    }
    let ids: Vec<_> = store.developers().await.unwrap().into_iter().map(|found| found.dev_id.to_string()).collect();
    assert_eq!(ids, ["B", "_", "a", "a-b", "aa", "b"]);
}

/// Expired rows are removed too. Rows of other environments remain.
pub async fn a_developer_goes_with_its_keys_sessions_deliveries_and_counts(store: Store) {
    let rows = Fixtures::default();
    let (acme, other) = (developer(&store, "acme").await, developer(&store, "other").await);
    let (of_acme, of_other) =
        (EnvironmentRows::add(&store, &rows, &acme).await, EnvironmentRows::add(&store, &rows, &other).await);
    assert!(store.remove_developer(&acme.dev_id).await.unwrap());
    assert!(!store.remove_developer(&acme.dev_id).await.unwrap());
    let other = Developer { destination: store.developers().await.unwrap()[0].destination.clone(), ..other };
    assert_eq!(store.developers().await.unwrap(), [other]);
    assert_eq!(store.api_keys().await.unwrap(), slice::from_ref(&of_other.key));
    for (belongings, there) in [(of_acme, false), (of_other, true)] {
        let dev_id = &belongings.key.dev_id;
        let session = store.widget_session(&belongings.session.session_id).await.unwrap();
        assert_eq!(session, there.then_some(belongings.session));
        let deliveries = store.deliveries(dev_id, &9).await.unwrap();
        assert_eq!(deliveries, Vec::from_iter(there.then_some(belongings.delivery)));
    }
}

/// One row of each kind.
struct EnvironmentRows {
    key: ApiKeyRecord,
    session: WidgetSession,
    delivery: Delivery,
}

impl EnvironmentRows {
    async fn add(store: &Store, rows: &Fixtures, developer: &Developer) -> Self {
        let (key, session) = (rows.api_key(developer), rows.widget_session(developer));
        let (delivery, connection) = (rows.delivery(developer), rows.connection(developer));
        store.add_api_key(&key).await.unwrap();
        store.add_widget_session(&session).await.unwrap();
        store.add_delivery(&delivery).await.unwrap();
        store.add_connection(&connection).await.unwrap();
        store.take_connection(&developer.dev_id, &connection.user_id).await.unwrap();
        Self { key, session, delivery }
    }
}

/// The grants must still be revoked.
pub async fn revocations_outlive_their_developer(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let owed = rows.revocation(&developer);
    store.add_revocation(&owed).await.unwrap();
    assert!(store.remove_developer(&developer.dev_id).await.unwrap());
    let claimed = Revocation { attempts: 1, next_attempt_at: Fixtures::at(9), ..owed.clone() };
    assert_eq!(
        store.claim_revocations(&owed.provider, &Fixtures::NOW, &Fixtures::at(9), &1).await.unwrap(),
        slice::from_ref(&claimed)
    );
    store
        .settle_revocation(&claimed, &Fixtures::settlement(RevocationOutcome::Confirmed, Fixtures::NOW))
        .await
        .unwrap();
    assert_eq!(store.waiting_revocations().await.unwrap(), 0);
    let later = rows.revocation(&developer);
    store.add_revocation(&later).await.unwrap();
    assert_eq!(store.waiting_revocations().await.unwrap(), 1);
}

/// All its rows remain, so no grant is lost.
pub async fn a_developer_with_a_connection_stays(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let (key, connection) = (rows.api_key(&developer), rows.connection(&developer));
    store.add_api_key(&key).await.unwrap();
    store.add_connection(&connection).await.unwrap();
    assert!(store.remove_developer(&developer.dev_id).await.is_err());
    assert_eq!(store.developers().await.unwrap(), slice::from_ref(&developer));
    assert_eq!(store.api_keys().await.unwrap(), [key]);
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 1);
    store.take_connection(&developer.dev_id, &connection.user_id).await.unwrap();
    assert!(store.remove_developer(&developer.dev_id).await.unwrap());
}

/// Late changes are rejected, and the removal always succeeds.
pub async fn a_developer_goes_while_others_add_to_it(store: Store) {
    let (rows, developer) = (Fixtures::default(), developer(&store, "acme").await);
    let removed = at_once(60, |n| {
        let (store, session, delivery) = (store.clone(), rows.widget_session(&developer), rows.delivery(&developer));
        async move {
            match n {
                30 => Some(store.remove_developer(&session.dev_id).await.unwrap()),
                n if n % 2 == 0 => store.add_widget_session(&session).await.err().and(None),
                _ => store.add_delivery(&delivery).await.err().and(None),
            }
        }
    });
    assert_eq!(removed.await.into_iter().flatten().collect::<Vec<_>>(), [true]);
    assert_eq!(store.developers().await.unwrap(), []);
    assert_eq!(store.waiting_deliveries().await.unwrap(), 0);
    let everything = Retention {
        spent_before_ms: i64::MAX,
        sessions_before_ms: i64::MAX,
        delivered_before_ms: i64::MAX,
        receipts_before_ms: i64::MAX,
        revoked_before_ms: i64::MAX,
        limit: 100,
    };
    assert_eq!(store.forget_expired(&everything).await.unwrap(), 0, "a session was left");
}

/// A unit that replaces the current secret.
struct RotateSecret(DevId, Sealed);

#[async_trait]
impl Unit for RotateSecret {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let mut developer = tx.lock_developer(&self.0).await?.unwrap();
        let secret = std::mem::replace(&mut developer.signing_secret, self.1.clone());
        developer.retiring_secret = Some(RetiringSecret { secret, until: Fixtures::at(9), sign_with: SignWith::Both });
        tx.update_developer(&developer).await?;
        Ok(())
    }
}

/// The second rotation retires the secret of the first one, not the original.
pub async fn of_two_who_rotate_a_secret_neither_is_forgotten(store: Store) {
    let (rows, before) = (Fixtures::default(), developer(&store, "acme").await);
    let secrets = [rows.sealed(), rows.sealed()].map(|secret| Sealed([secret.0, vec![2]].concat()));
    at_once(2, |n| {
        let (store, unit) = (store.clone(), RotateSecret(before.dev_id.clone(), secrets[n].clone()));
        async move { store.run(unit).await.unwrap() }
    })
    .await;
    let after = store.developer(&before.dev_id).await.unwrap().unwrap();
    let retiring = after.retiring_secret.unwrap();
    assert_eq!((retiring.until, retiring.sign_with), (Fixtures::at(9), SignWith::Both));
    let [first, second] = secrets;
    let found = (retiring.secret, after.signing_secret);
    assert!(found == (first.clone(), second.clone()) || found == (second, first), "{found:?}");
}
