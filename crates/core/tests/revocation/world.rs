//! One environment on a store, with a clock that only the tests advance.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use terra_auth_core::{
    Auth, Dependencies,
    node::{directory::Directory, outbox::Outbox},
    outbox::QueueCapacity,
};
use terra_auth_model::{
    clock::{Clock as _, SystemEntropy},
    connection::Connection,
    developer::Developer,
    keys::{KeyRing, MasterKey, SealContext},
    provider::{Providers, Tokens},
    revocation::Revocation,
    store::Store,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{FixedClock, Fixtures, StoreExt as _};
use terra_auth_types::{
    UserId,
    wire::admin::{RevocationOutcome, RevocationParams, RevocationReason, RevocationReport},
};

use crate::script::{ProviderBehaviour, Script, tokens};

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) script: Arc<Script>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) developer: Developer,
    pub(crate) rows: Fixtures,
}

/// The instant this many seconds after the start.
pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    FixedClock::START + SignedDuration::from_secs(seconds)
}

impl World {
    pub(crate) async fn start(plan: ProviderBehaviour) -> Self {
        Self::on(Store::new(Sqlite::in_memory().unwrap()), plan).await
    }

    pub(crate) async fn on(store: Store, plan: ProviderBehaviour) -> Self {
        let (script, clock, rows) = (Script::new(plan), Arc::new(FixedClock::default()), Fixtures::default());
        let auth = Auth::new(Dependencies {
            store,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            keys: KeyRing::new(&MasterKey([7; 32].into())),
            directory: Directory::default(),
            providers: Arc::clone(&script) as Arc<dyn Providers>,
            widget_url: "https://widget.example".parse().unwrap(),
            outbox: Outbox::default(),
        });
        let developer = rows.developer("acme");
        auth.store().add_developer(&developer).await.unwrap();
        auth.reload().await.unwrap();
        Self { auth, script, clock, developer, rows }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Adds a connection of the account "account-1" whose access token is valid for an hour.
    pub(crate) async fn connect(&self, number: u32) -> Connection {
        self.add(self.rows.connection(&self.developer), &tokens(number, in_seconds(3600))).await
    }

    pub(crate) async fn add(&self, connection: Connection, tokens: &Tokens) -> Connection {
        let row = connection.user_id.to_string();
        let place = SealContext { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
        let grant = Some(self.auth.keys().seal(&SystemEntropy, place, &tokens.to_json()));
        let connection = Connection { grant, ..connection };
        self.auth.store().add_connection(&connection).await.unwrap();
        connection
    }

    pub(crate) async fn deauthenticate(&self, connection: &Connection) {
        self.auth.deauthenticate_user(&self.developer, connection.user_id).await.unwrap();
    }

    /// Creates a world with a connection that was removed.
    pub(crate) async fn ended(plan: ProviderBehaviour) -> (Self, Connection) {
        let world = Self::start(plan).await;
        let connection = world.connect(0).await;
        world.deauthenticate(&connection).await;
        (world, connection)
    }

    pub(crate) async fn claim(&self) -> Vec<Revocation> {
        self.auth.claim_revocations(QueueCapacity::even(32, 32)).await.unwrap().due
    }

    /// Claims everything that is due and makes one attempt each.
    pub(crate) async fn attempt(&self) {
        for claimed in self.claim().await {
            self.auth.revoke(&claimed).await.unwrap();
        }
    }

    /// Simulates a crash after the in-flight marker was stored.
    pub(crate) async fn mark(&self, claimed: &Revocation) -> bool {
        self.auth.store().mark_revocation(claimed, &self.clock.now()).await.unwrap()
    }

    /// Begins an attempt and simulates a crash during a call, once the provider has received it.
    pub(crate) async fn die_in(&self, call: &str) {
        let claimed = self.claim().await.pop().unwrap();
        let (auth, before) = (self.auth.clone(), self.script.calls().len());
        let attempt = tokio::spawn(async move { auth.revoke(&claimed).await });
        while !self.script.calls()[before..].iter().any(|heard| heard == call) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        attempt.abort();
        assert!(attempt.await.unwrap_err().is_cancelled());
    }

    pub(crate) async fn reports(&self) -> Vec<RevocationReport> {
        let params = RevocationParams::default();
        self.auth.revocation_reports(&self.developer.dev_id, &params).await.unwrap().revocations
    }

    pub(crate) async fn report(&self, user_id: UserId) -> RevocationReport {
        self.reports().await.into_iter().find(|report| report.user_id == user_id).unwrap()
    }

    pub(crate) async fn verdict(&self, connection: &Connection) -> (RevocationOutcome, Option<RevocationReason>) {
        let report = self.report(connection.user_id).await;
        (report.outcome, report.reason)
    }
}
