//! A server's insides without its front: one environment, a store, a clock that stands still.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use terra_auth_core::{
    Auth, Dependencies,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_delivery::{Attempt, DeliveryResult, DeliveryWorker, Observer};
use terra_auth_egress::AddressPolicy;
use terra_auth_model::{
    causes::Causes,
    clock::{Clock, Entropy},
    event::EventRecord,
    keys::{KeyRing, MasterKey, SealContext},
    provider::{Providers, Tokens},
    revocation::Revocation,
    store::Store,
};
use terra_auth_providers::Recipes;
use terra_auth_sandbox::ProviderProfile;
use terra_auth_store::Sqlite;
use terra_auth_testkit::{CountingEntropy, FixedClock, StoreExt, sandbox_login};
use terra_auth_types::{DevId, Environment, EventId, UserId};
use url::Url;
use zeroize::Zeroizing;

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) environment: IssuedCredentials,
    pub(crate) seen: Arc<Seen>,
}

/// What the observer was told, one line for each attempt.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<String>>);

impl World {
    pub(crate) async fn start(destination: Option<&Url>) -> Self {
        let recipes = Recipes::sandbox(&"http://127.0.0.1:9/sandbox".parse().unwrap()).unwrap();
        let providers = Arc::new(sandbox_login::providers(recipes, "test-key-not-a-secret"));
        Self::with(Store::new(Sqlite::in_memory().unwrap()), providers, destination).await
    }

    pub(crate) async fn with(store: Store, providers: Arc<dyn Providers>, destination: Option<&Url>) -> Self {
        let clock = Arc::new(FixedClock::default());
        let auth = auth(store, Arc::clone(&clock), providers);
        let new = NewDeveloper {
            environment: Environment::Testing,
            name: "Acme".to_owned(),
            destination: destination.cloned(),
            bound_tokens_only: false,
        };
        let environment = auth.create_developer(&Admin::local("tests"), new).await.unwrap();
        Self { auth, clock, environment, seen: Arc::default() }
    }

    pub(crate) async fn add_environment(&self, environment: Environment, destination: &Url) -> DevId {
        let new = NewDeveloper {
            environment,
            name: "Acme".to_owned(),
            destination: Some(destination.clone()),
            bound_tokens_only: false,
        };
        self.auth.create_developer(&Admin::local("tests"), new).await.unwrap().dev_id
    }

    /// The same store under another server, after a restart.
    pub(crate) async fn restarted(&self) -> Self {
        let auth = auth(self.auth.store().clone(), Arc::clone(&self.clock), Arc::clone(self.auth.providers()));
        auth.reload().await.unwrap();
        let (clock, environment) = (Arc::clone(&self.clock), self.environment.clone());
        Self { auth, clock, environment, seen: Arc::default() }
    }

    pub(crate) fn worker(&self, policy: AddressPolicy) -> DeliveryWorker {
        DeliveryWorker::new(self.auth.clone(), policy, Arc::clone(&self.seen) as Arc<dyn Observer>).unwrap()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Adds an event whose JSON would have other bytes if it were serialized again.
    pub(crate) async fn add_event(&self) -> EventRecord {
        self.add_event_of(&self.environment.dev_id).await
    }

    pub(crate) async fn add_event_of(&self, dev_id: &DevId) -> EventRecord {
        let now = self.clock.now();
        let event = EventRecord {
            event_id: EventId(self.entropy().id_at(now)),
            dev_id: dev_id.clone(),
            kind: "auth".to_owned(),
            payload: r#"{"type" : "auth", "reference_id":"ünïcode-reference","é":1.0}"#.to_owned(),
            user_id: None,
            reference_id: None,
            created_at: now,
        };
        self.auth.publish(event.clone()).await.unwrap();
        event
    }

    pub(crate) async fn add_revocation(&self, face: &ProviderProfile, tokens: &Tokens) {
        let user_id = UserId(self.entropy().id());
        let (dev_id, row) = (self.environment.dev_id.clone(), user_id.to_string());
        let place = SealContext { dev_id: dev_id.as_str(), row: &row, column: "grant" };
        let revocation = Revocation {
            user_id,
            provider: sandbox_login::provider(face),
            account: None,
            grant: Some(self.auth.keys().seal(self.entropy(), place, &tokens.to_json())),
            in_flight_since: None,
            created_at: self.clock.now(),
            attempts: 0,
            next_attempt_at: self.clock.now(),
            dev_id,
        };
        self.auth.store().add_revocation(&revocation).await.unwrap();
    }

    fn entropy(&self) -> &dyn Entropy {
        self.auth.entropy().as_ref()
    }
}

fn auth(store: Store, clock: Arc<FixedClock>, providers: Arc<dyn Providers>) -> Auth {
    Auth::new(Dependencies {
        store,
        clock,
        entropy: Arc::new(CountingEntropy::default()),
        keys: KeyRing::new(&MasterKey(Zeroizing::new([7; 32]))),
        directory: Directory::default(),
        providers,
        widget_url: "https://widget.example".parse().unwrap(),
        outbox: Outbox::default(),
    })
}

impl Seen {
    /// Everything since the last look.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Seen {
    fn attempted(&self, attempt: &Attempt<'_>) {
        let line = match attempt.result {
            DeliveryResult::Delivered { status } => format!("delivered: {status}"),
            DeliveryResult::Failed { reason, .. } => format!("failed: {}", Causes(reason)),
            DeliveryResult::GaveUp { reason } => format!("gave up: {}", Causes(reason)),
        };
        self.0.lock().unwrap().push(line);
    }
}
