//! A provider that answers what a test has written down, and a node that asks it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use terra_auth_core::{
    Auth,
    provider::{
        ClientCredentials, Connects, ProviderError, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed,
        Rotation, Tokens,
    },
    refresh::Rules,
    store::Store,
};
use terra_auth_testkit::{CountingEntropy, FixedClock};
use terra_auth_types::{Provider, wire};

use crate::{
    engine::Prompt,
    world::{Node, Watch, World, node, provider, tokens},
};

pub(crate) type Answer = Result<Refreshed, RefreshError>;

/// Gives its answers in turn, each after a second, and none when they are used up;
/// notes which refresh token was spent for it.
pub(crate) struct Script {
    pub(crate) list: Mutex<Arc<[ProviderInfo]>>,
    pub(crate) policy: RefreshPolicy,
    answers: Mutex<VecDeque<Answer>>,
    spent: Mutex<Vec<String>>,
    /// How the calls after refreshes end, in turn: well, badly, or not at all; well when these are used up.
    pub(crate) confirmations: Mutex<VecDeque<Option<bool>>>,
    confirmed: Mutex<Vec<String>>,
}

pub(crate) const ONCE: RefreshPolicy = RefreshPolicy {
    rotation: Rotation::SingleUse { grace: None, reuse_ends_grant: false },
    ahead: SignedDuration::from_mins(10),
    token_life: None,
    at_once: 4,
    per_minute: None,
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

    /// The refresh tokens that were sent, in order.
    pub(crate) fn spent(&self) -> Vec<String> {
        self.spent.lock().unwrap().clone()
    }

    /// The access tokens that calls after refreshes were made with, in order.
    pub(crate) fn confirmed(&self) -> Vec<String> {
        self.confirmed.lock().unwrap().clone()
    }

    pub(crate) fn node(self: &Arc<Self>, store: Store) -> Auth {
        let parts =
            Node { clock: Watch::exact(), entropy: Arc::new(CountingEntropy::default()), rules: Rules::default() };
        node(store, Arc::clone(self) as Arc<dyn Providers>, parts)
    }
}

/// A connection whose access token lives for an hour, and a node.
pub(crate) async fn start(
    policy: RefreshPolicy,
    answers: impl IntoIterator<Item = Answer>,
) -> (World, Auth, Arc<Script>) {
    let store = Prompt::new().store();
    let script = Script::new(policy, answers);
    let world = World::with(store.clone(), &tokens("access-0", "refresh-0", in_seconds(3600))).await;
    let node = script.node(store);
    (world, node, script)
}

/// So many seconds after the start.
pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    FixedClock::START + SignedDuration::from_secs(seconds)
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The pair of a number, whose access token ends so many seconds after the start.
#[expect(clippy::unnecessary_wraps, reason = "an answer among others")]
pub(crate) fn pair(number: u32, end: i64) -> Answer {
    let tokens = tokens(&format!("access-{number}"), &format!("refresh-{number}"), in_seconds(end));
    Ok(Refreshed { tokens, scopes: None })
}

pub(crate) fn unreachable() -> Answer {
    Err(RefreshError::Untouched("connection refused".into()))
}

pub(crate) fn lost() -> Answer {
    Err(RefreshError::Lost("connection reset".into()))
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
