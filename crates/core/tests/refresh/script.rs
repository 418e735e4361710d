//! A scripted provider, and a node that uses it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use terra_auth_core::{Auth, node::refresh::in_flight::Rules};
use terra_auth_model::{
    provider::{
        ClientCredentials, Connects, ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed,
        Rotation, Tokens,
    },
    store::Store,
};
use terra_auth_testkit::{CountingEntropy, FixedClock};
use terra_auth_types::{Provider, wire};

use crate::{
    engine::BlockingStore,
    world::{Node, RuntimeClock, World, node, provider, tokens},
};

pub(crate) type Answer = Result<Refreshed, RefreshError>;

/// A provider that returns its answers in turn, each after a second. When they are used up, it never responds.
/// It records the refresh tokens that it receives.
pub(crate) struct Script {
    pub(crate) list: Mutex<Arc<[ProviderInfo]>>,
    pub(crate) policy: RefreshPolicy,
    answers: Mutex<VecDeque<Answer>>,
    spent: Mutex<Vec<String>>,
    /// The results of the confirmation calls, in turn: success, failure, or no response. Success when they are
    /// used up.
    pub(crate) confirmations: Mutex<VecDeque<Option<bool>>>,
    confirmed: Mutex<Vec<String>>,
}

pub(crate) const ONCE: RefreshPolicy = RefreshPolicy {
    rotation: Rotation::SingleUse { grace: None, reuse_ends_grant: false },
    lead_time: SignedDuration::from_mins(10),
    refresh_token_lifetime: None,
    max_in_flight: 4,
    max_per_minute: None,
    confirm: false,
};

pub(crate) fn catalogue() -> Arc<[ProviderInfo]> {
    let info = ProviderInfo {
        provider: provider(),
        name: "Fitbit".to_owned(),
        connects: Connects::ByLogin,
        types: wire::DataTypes::default(),
        logo: None,
    };
    Arc::new([info])
}

impl Script {
    pub(crate) fn new(policy: RefreshPolicy, answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self {
            list: Mutex::new(catalogue()),
            policy,
            answers,
            spent: Mutex::default(),
            confirmations: Mutex::default(),
            confirmed: Mutex::default(),
        })
    }

    /// The refresh tokens that were received, in order.
    pub(crate) fn spent(&self) -> Vec<String> {
        self.spent.lock().unwrap().clone()
    }

    /// The access tokens of the confirmation calls, in order.
    pub(crate) fn confirmed(&self) -> Vec<String> {
        self.confirmed.lock().unwrap().clone()
    }

    pub(crate) fn node(self: &Arc<Self>, store: Store) -> Auth {
        let parts = Node {
            clock: RuntimeClock::exact(),
            entropy: Arc::new(CountingEntropy::default()),
            rules: Rules::default(),
        };
        node(store, Arc::clone(self) as Arc<dyn Providers>, parts)
    }
}

/// Creates a connection whose access token is valid for an hour, and a node.
pub(crate) async fn start(
    policy: RefreshPolicy,
    answers: impl IntoIterator<Item = Answer>,
) -> (World, Auth, Arc<Script>) {
    let store = BlockingStore::new().store();
    let script = Script::new(policy, answers);
    let world = World::with(store.clone(), &tokens("access-0", "refresh-0", in_seconds(3600))).await;
    let node = script.node(store);
    (world, node, script)
}

/// The instant this many seconds after the start.
pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    FixedClock::START + SignedDuration::from_secs(seconds)
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The pair with this number. Its access token expires `end` seconds after the start.
#[expect(clippy::unnecessary_wraps, reason = "an answer among others")]
pub(crate) fn pair(number: u32, end: i64) -> Answer {
    let tokens = tokens(&format!("access-{number}"), &format!("refresh-{number}"), in_seconds(end));
    Ok(Refreshed { tokens, scopes: None })
}

pub(crate) fn unreachable() -> Answer {
    Err(RefreshError::NotReached("connection refused".into()))
}

pub(crate) fn lost() -> Answer {
    Err(RefreshError::AnswerLost("connection reset".into()))
}

pub(crate) fn refused() -> Answer {
    Err(RefreshError::GrantRefused { code: "invalid_grant".to_owned() })
}

pub(crate) fn app_refused() -> Answer {
    Err(RefreshError::AppRefused { code: "invalid_client".to_owned() })
}

#[async_trait]
impl Providers for Script {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.list.lock().unwrap())
    }

    fn has_app(&self, _: &Provider) -> bool {
        true
    }

    fn refresh_policy(&self, _: &Provider) -> Option<RefreshPolicy> {
        Some(self.policy)
    }

    async fn confirm(&self, _: &Provider, _: Option<&ClientCredentials>, tokens: &Tokens) -> Result<(), ProviderError> {
        self.confirmed.lock().unwrap().push(tokens.access_token.expose_secret().to_owned());
        let ending = self.confirmations.lock().unwrap().pop_front().unwrap_or(Some(true));
        match ending {
            Some(true) => Ok(()),
            Some(false) => Err(ProviderError::Unreachable(None)),
            None => std::future::pending().await,
        }
    }

    async fn refresh(&self, _: &Provider, _: Option<&ClientCredentials>, tokens: &Tokens) -> Answer {
        let spent = tokens.refresh_token.as_ref().map_or("", |token| token.expose_secret()).to_owned();
        self.spent.lock().unwrap().push(spent);
        pass(1).await;
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}
