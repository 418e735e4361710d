//! The handle: what a caller can do with a running sandbox.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use crate::{
    channel,
    config::{Clock, Entropy, Lifetimes, SandboxConfig},
    digest::Digest,
    endpoint::Endpoint,
    face::{Face, Portal},
    fault::Fault,
    ledger::{Grant, Ledger, MAX_GRANTS},
    page,
};

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// An authorization server with many faces. A clone is the same sandbox.
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
    ledger: Mutex<Ledger>,
    faults: Mutex<HashMap<&'static str, Faults>>,
    lifetimes: Mutex<HashMap<&'static str, Lifetimes>>,
    portals: Mutex<HashMap<&'static str, Portal>>,
}

/// What goes wrong at a face.
#[derive(Default)]
struct Faults {
    /// With the next calls, one each.
    next: VecDeque<Option<Fault>>,
    /// With all others.
    standing: Option<Fault>,
}

/// The one client that every face knows.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Digest,
}

/// Tokens of a grant that was opened without a browser.
#[derive(Clone, Debug)]
pub struct OpenedTokens {
    /// For the data calls.
    pub access_token: SecretString,
    /// `None` where the face issues none.
    pub refresh_token: Option<SecretString>,
}

impl Sandbox {
    /// A sandbox without any grants, that behaves well.
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
            ledger: Mutex::new(Ledger::new(MAX_GRANTS)),
            faults: Mutex::default(),
            lifetimes: Mutex::default(),
            portals: Mutex::default(),
        }))
    }

    /// The same, but remembers another number of grants, and as many tokens of each kind, than 25,000. An older grant is
    /// forgotten: its tokens are then refused.
    #[must_use]
    pub fn with_max_grants(self, max_grants: usize) -> Self {
        *self.ledger() = Ledger::new(max_grants);
        self
    }

    /// All routes, for the caller to nest under the path of its `base_url`.
    pub fn router(&self) -> Router {
        let routes = page::routes().merge(channel::routes(self));
        routes.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(self.clone())
    }

    /// The public address of an endpoint of a face.
    #[must_use]
    pub fn endpoint(&self, face: &Face, endpoint: Endpoint) -> Url {
        self.url(&format!("{}/{}", face.slug, endpoint.name(face)))
    }

    /// The issuer of a face: what `iss` says in its answers (RFC 9207).
    #[must_use]
    pub fn issuer(&self, face: &Face) -> Url {
        self.url(face.slug)
    }

    /// From now on this goes wrong at the face, or nothing.
    pub fn set_fault(&self, face: &Face, fault: Option<Fault>) {
        lock(&self.0.faults).entry(face.slug).or_default().standing = fault;
    }

    /// What goes wrong at the face now, once the next calls are over.
    #[must_use]
    pub fn fault(&self, face: &Face) -> Option<Fault> {
        lock(&self.0.faults).get(face.slug)?.standing
    }

    /// The next calls that reach the face meet these, one each, in this order; then what [`Sandbox::set_fault`] set holds
    /// again. What was planned before is forgotten.
    pub fn set_next_faults(&self, face: &Face, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.0.faults).entry(face.slug).or_default().next = faults.into_iter().collect();
    }

    /// What a call meets that comes in now.
    pub(crate) fn next_fault(&self, face: &Face) -> Option<Fault> {
        let mut faults = lock(&self.0.faults);
        let faults = faults.get_mut(face.slug)?;
        faults.next.pop_front().unwrap_or(faults.standing)
    }

    /// Registers the app in this portal of a face that has two, and in the other one no more.
    pub fn set_portal(&self, face: &Face, portal: Portal) {
        lock(&self.0.portals).insert(face.slug, portal);
    }

    /// Where the app is registered.
    #[must_use]
    pub fn portal(&self, face: &Face) -> Portal {
        lock(&self.0.portals).get(face.slug).copied().unwrap_or_default()
    }

    /// Tokens that the face issues from now on live this long.
    pub fn set_lifetimes(&self, face: &Face, lifetimes: Lifetimes) {
        lock(&self.0.lifetimes).insert(face.slug, lifetimes);
    }

    /// How long the tokens live that the face issues now.
    #[must_use]
    pub fn lifetimes(&self, face: &Face) -> Lifetimes {
        let default = Lifetimes { access_token: self.0.access_token_ttl, refresh_token: face.refresh_token_ttl };
        lock(&self.0.lifetimes).get(face.slug).copied().unwrap_or(default)
    }

    /// Opens a grant to everything that the face has, as if the account's owner had gone through its pages, and the app
    /// had exchanged the code. `name` is what would be typed on the sign-in page.
    #[must_use]
    pub fn open_grant(&self, face: &'static Face, name: &str) -> OpenedTokens {
        channel::open(self, face, name)
    }

    /// Revokes all that an account gave, behind the app's back, as its owner could in the provider's own settings.
    /// `name` is what was typed on the sign-in page.
    pub fn revoke_account(&self, face: &Face, name: &str) {
        self.ledger().revoke_account(face, &face.account_id(name));
    }

    /// What the face's provider posts to the app when an account's owner takes back all access; `None` where it posts nothing.
    /// `name` is what was typed on the sign-in page.
    #[must_use]
    pub fn revocation_notice(&self, face: &Face, name: &str) -> Option<String> {
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

    /// The last grants of a face, revoked ones too, oldest first.
    #[must_use]
    pub fn grants(&self, face: &Face) -> Vec<Grant> {
        self.ledger().grants(face)
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.0.base_url.clone();
        url.set_path(&format!("{}/{path}", self.0.base_url.path().trim_end_matches('/')));
        url
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.0.ledger)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// A secret of 256 random bits.
    pub(crate) fn draw_secret(&self) -> String {
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

/// A panic elsewhere leaves nothing half done here, so a poisoned lock is a good lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
