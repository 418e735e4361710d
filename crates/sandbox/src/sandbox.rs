//! The handle, which controls a running sandbox.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use crate::{
    config::{Clock, Entropy, Lifetimes, SandboxConfig},
    digest::Digest,
    endpoint::Endpoint,
    fault::Fault,
    profile::{Portal, ProviderProfile},
    tokens::{Grant, MAX_GRANTS, TokenStore},
};

/// The maximum size of a request body.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// An authorization server that simulates several providers. A clone refers to the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    base_url: Url,
    app_name: String,
    client: Client,
    redirect_uris: Vec<Url>,
    access_token_ttl: Duration,
    code_ttl: Duration,
    clock: Clock,
    entropy: Entropy,
    ledger: Mutex<TokenStore>,
    faults: Mutex<HashMap<&'static str, Faults>>,
    lifetimes: Mutex<HashMap<&'static str, Lifetimes>>,
    portals: Mutex<HashMap<&'static str, Portal>>,
}

/// The faults of one provider.
#[derive(Default)]
struct Faults {
    /// The faults of the next calls, one each.
    next: VecDeque<Option<Fault>>,
    /// The fault of all later calls.
    default_fault: Option<Fault>,
}

/// The only client, registered at every provider.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Digest,
}

/// Tokens of a grant that was created without a browser.
#[derive(Clone, Debug)]
pub struct GrantTokens {
    /// Access token for the data calls.
    pub access_token: SecretString,
    /// Refresh token; `None` if the provider issues none.
    pub refresh_token: Option<SecretString>,
}

impl Sandbox {
    /// Creates a sandbox without grants and faults.
    #[must_use]
    pub fn new(config: SandboxConfig, clock: Clock, entropy: Entropy) -> Self {
        let secret = Digest::of(config.client_secret.expose_secret());
        Self(Arc::new(Inner {
            base_url: config.base_url,
            app_name: config.app_name,
            client: Client { id: config.client_id, secret },
            redirect_uris: config.redirect_uris,
            access_token_ttl: config.access_token_ttl,
            code_ttl: config.code_ttl,
            clock,
            entropy,
            ledger: Mutex::new(TokenStore::new(MAX_GRANTS)),
            faults: Mutex::default(),
            lifetimes: Mutex::default(),
            portals: Mutex::default(),
        }))
    }

    /// Sets the maximum number of stored grants, and of tokens of each kind, instead of 25,000. Older grants
    /// are deleted, and their tokens are then rejected.
    #[must_use]
    pub fn with_max_grants(self, max_grants: usize) -> Self {
        *self.token_store() = TokenStore::new(max_grants);
        self
    }

    /// Returns the public URL of an endpoint.
    #[must_use]
    pub fn endpoint(&self, face: &ProviderProfile, endpoint: Endpoint) -> Url {
        self.url(&format!("{}/{}", face.slug, endpoint.name(face)))
    }

    /// Returns the issuer of a provider: the value of `iss` in its responses (RFC 9207).
    #[must_use]
    pub fn issuer(&self, face: &ProviderProfile) -> Url {
        self.url(face.slug)
    }

    /// Sets the fault of all calls from now on, or none.
    pub fn set_fault(&self, face: &ProviderProfile, fault: Option<Fault>) {
        lock(&self.0.faults).entry(face.slug).or_default().default_fault = fault;
    }

    /// Returns the fault of [`Sandbox::set_fault`], which applies after the faults of [`Sandbox::set_next_faults`].
    #[must_use]
    pub fn fault(&self, face: &ProviderProfile) -> Option<Fault> {
        lock(&self.0.faults).get(face.slug)?.default_fault
    }

    /// Sets the faults of the next calls, one each, in this order. After them, the fault of
    /// [`Sandbox::set_fault`] applies again. Replaces the faults of an earlier call.
    pub fn set_next_faults(&self, face: &ProviderProfile, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.0.faults).entry(face.slug).or_default().next = faults.into_iter().collect();
    }

    /// Returns the fault of the current call, and removes it if it was set for one call only.
    pub(crate) fn next_fault(&self, face: &ProviderProfile) -> Option<Fault> {
        let mut faults = lock(&self.0.faults);
        let faults = faults.get_mut(face.slug)?;
        faults.next.pop_front().unwrap_or(faults.default_fault)
    }

    /// Moves the app's registration to this portal, at a provider that has two.
    pub fn set_portal(&self, face: &ProviderProfile, portal: Portal) {
        lock(&self.0.portals).insert(face.slug, portal);
    }

    /// Returns the portal in which the app is registered.
    #[must_use]
    pub fn portal(&self, face: &ProviderProfile) -> Portal {
        lock(&self.0.portals).get(face.slug).copied().unwrap_or_default()
    }

    /// Sets the lifetimes of tokens that the provider issues from now on.
    pub fn set_lifetimes(&self, face: &ProviderProfile, lifetimes: Lifetimes) {
        lock(&self.0.lifetimes).insert(face.slug, lifetimes);
    }

    /// Returns the lifetimes of tokens that the provider issues now.
    #[must_use]
    pub fn lifetimes(&self, face: &ProviderProfile) -> Lifetimes {
        let default = Lifetimes { access_token: self.0.access_token_ttl, refresh_token: face.refresh_token_ttl };
        lock(&self.0.lifetimes).get(face.slug).copied().unwrap_or(default)
    }

    /// Revokes all grants of an account without notifying the app, as a user can in the provider's own settings.
    /// `name` is the account name from the sign-in page.
    pub fn revoke_account(&self, face: &ProviderProfile, name: &str) {
        self.token_store().revoke_account(face, &face.account_id(name));
    }

    /// Returns the notification that the provider sends to the app when a user revokes all access, or `None` if
    /// it sends none. `name` is the account name from the sign-in page.
    #[must_use]
    pub fn revocation_notification(&self, face: &ProviderProfile, name: &str) -> Option<String> {
        let account = face.account_id(name);
        let notice = match face.slug {
            "fitbit" => json!([{ "collectionType": "userRevokedAccess", "ownerId": account, "ownerType": "user" }]),
            "garmin" => json!({ "deregistrations": [{ "userId": account }] }),
            "strava" => json!({
                "object_type": "athlete", "aspect_type": "update", "object_id": account, "owner_id": account,
                "updates": { "authorized": "false" },
            }),
            _ => return None,
        };
        Some(notice.to_string())
    }

    /// Returns the last grants of a provider, including revoked ones, oldest first.
    #[must_use]
    pub fn grants(&self, face: &ProviderProfile) -> Vec<Grant> {
        self.token_store().grants(face)
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.0.base_url.clone();
        url.set_path(&format!("{}/{path}", self.0.base_url.path().trim_end_matches('/')));
        url
    }

    pub(crate) fn token_store(&self) -> MutexGuard<'_, TokenStore> {
        lock(&self.0.ledger)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Generates a secret of 256 random bits.
    pub(crate) fn generate_secret(&self) -> String {
        let mut bytes = [0; 32];
        (self.0.entropy)(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn app_name(&self) -> &str {
        &self.0.app_name
    }

    pub(crate) fn redirect_uris(&self) -> &[Url] {
        &self.0.redirect_uris
    }

    pub(crate) fn code_ttl(&self) -> Duration {
        self.0.code_ttl
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.0.base_url.as_str()).finish_non_exhaustive()
    }
}

/// Ignores poisoning: a panic elsewhere leaves no partial change behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
