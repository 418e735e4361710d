//! A scripted provider.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use terra_auth_model::provider::{
    ClientCredentials, Connects, ProviderInfo, Providers, RefreshError, RefreshPolicy, Refreshed, RevokeError,
    RevokePolicy, RevokeResponse, RevokeScope, Revoked, Rotation, Tokens,
};
use terra_auth_types::{Provider, wire};

pub(crate) type Answer = Result<Revoked, RevokeError>;

pub(crate) type Renewal = Result<Refreshed, RefreshError>;

/// The behaviour of the provider. It returns its answers in turn; when they are used up, it never responds.
pub(crate) struct ProviderBehaviour {
    pub(crate) revoke: RevokePolicy,
    /// `None` means that the provider does not refresh tokens.
    pub(crate) rotation: Option<Rotation>,
    pub(crate) refreshes: Vec<Renewal>,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) const ONCE: Rotation = Rotation::SingleUse { grace: None, reuse_ends_grant: false };

impl Default for ProviderBehaviour {
    /// A provider that requires a valid access token and revokes all grants of the account.
    fn default() -> Self {
        let revoke = RevokePolicy { needs_access_token: true, ends: RevokeScope::Account };
        Self { revoke, rotation: Some(ONCE), refreshes: Vec::new(), answers: Vec::new() }
    }
}

pub(crate) struct Script {
    list: Arc<[ProviderInfo]>,
    revoke: RevokePolicy,
    rotation: Option<Rotation>,
    refreshes: Mutex<VecDeque<Renewal>>,
    answers: Mutex<VecDeque<Answer>>,
    heard: Mutex<Vec<String>>,
}

impl Script {
    pub(crate) fn new(plan: ProviderBehaviour) -> Arc<Self> {
        let info = |(name, connects): (&str, _)| ProviderInfo {
            provider: name.parse().unwrap(),
            name: name.to_owned(),
            connects,
            types: wire::DataTypes::default(),
            logo: None,
        };
        Arc::new(Self {
            list: [("FITBIT", Connects::ByLogin), ("APPLE", Connects::OnDevice)].map(info).into(),
            revoke: plan.revoke,
            rotation: plan.rotation,
            refreshes: Mutex::new(plan.refreshes.into()),
            answers: Mutex::new(plan.answers.into()),
            heard: Mutex::default(),
        })
    }

    /// The calls so far, each with its token.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Adds an answer to the next refresh.
    pub(crate) fn then_refresh(&self, answer: Renewal) {
        self.refreshes.lock().unwrap().push_back(answer);
    }

    async fn answer<T>(&self, call: String, answers: &Mutex<VecDeque<T>>) -> T {
        self.heard.lock().unwrap().push(call);
        let answer = answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn answered(status: u16, code: Option<&str>) -> RevokeResponse {
    RevokeResponse { status: Some(status), code: code.map(str::to_owned) }
}

#[expect(clippy::unnecessary_wraps, reason = "an answer among others")]
pub(crate) fn confirmed() -> Answer {
    Ok(Revoked::Confirmed(answered(200, None)))
}

pub(crate) fn busy() -> Answer {
    Err(RevokeError::Refused(answered(503, None)))
}

pub(crate) fn token_refused() -> Answer {
    Err(RevokeError::TokenRefused(answered(401, None)))
}

pub(crate) fn tokens(number: u32, expires_at: Timestamp) -> Tokens {
    Tokens {
        access_token: format!("access-{number}").into(),
        refresh_token: Some(format!("refresh-{number}").into()),
        expires_at: Some(expires_at),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an answer among others")]
pub(crate) fn renewed(number: u32, expires_at: Timestamp) -> Renewal {
    Ok(Refreshed { tokens: tokens(number, expires_at), scopes: None })
}

pub(crate) fn refused() -> Renewal {
    Err(RefreshError::GrantRefused { code: "invalid_grant".to_owned() })
}

#[async_trait]
impl Providers for Script {
    fn list(&self) -> Arc<[ProviderInfo]> {
        Arc::clone(&self.list)
    }

    fn has_app(&self, _: &Provider) -> bool {
        true
    }

    fn refresh_policy(&self, _: &Provider) -> Option<RefreshPolicy> {
        let lead_time = SignedDuration::from_mins(10);
        self.rotation.map(|rotation| RefreshPolicy {
            rotation,
            lead_time,
            refresh_token_lifetime: None,
            max_in_flight: 4,
            max_per_minute: None,
            confirm: false,
        })
    }

    async fn refresh(&self, _: &Provider, _: Option<&ClientCredentials>, tokens: &Tokens) -> Renewal {
        let spent = tokens.refresh_token.as_ref().map_or("nothing", |token| token.expose_secret());
        self.answer(format!("refresh {spent}"), &self.refreshes).await
    }

    fn revoke_policy(&self, _: &Provider) -> Option<RevokePolicy> {
        Some(self.revoke)
    }

    async fn revoke(&self, _: &Provider, _: Option<&ClientCredentials>, _: Option<&str>, tokens: &Tokens) -> Answer {
        self.answer(format!("revoke {}", tokens.access_token.expose_secret()), &self.answers).await
    }
}
