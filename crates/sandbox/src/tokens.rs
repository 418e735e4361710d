//! The state of the sandbox. Secrets are stored as digests, and every map evicts its oldest entry when it is full.

mod entry;
mod pairs;
mod token;

use std::time::Duration;

use jiff::Timestamp;

use crate::{bounded::BoundedMap, digest::Digest, profile::ProviderProfile};
use entry::is_within;
pub use entry::{Account, Grant};
pub(crate) use entry::{AuthorizationCode, PendingAuthorization, PresentedCode};
use pairs::LivePair;
use token::{AccessToken, RefreshToken};
pub(crate) use token::{IssuedToken, Pair, Refresh, TokenLookup};

/// The time within which a user must sign in and consent.
const PENDING_TTL: Duration = Duration::from_mins(15);
/// The maximum number of stored logins, finished or not. Each is over after minutes.
const MAX_LOGINS: usize = 5_000;
/// The default maximum number of stored grants, accounts and tokens of each kind: about 10 MB in total.
pub(crate) const MAX_GRANTS: usize = 25_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(u64);

/// The reason why a code or a refresh token is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("the authorization code is unknown or has expired")]
    UnknownCode,
    #[error("the authorization code was used before; its grant is revoked")]
    SpentCode,
    #[error("the redirect_uri differs from the authorization request")]
    OtherRedirectUri,
    #[error("the code_verifier does not match the code_challenge")]
    WrongVerifier,
    #[error("the refresh token is unknown, revoked or has expired")]
    UnknownRefreshToken,
    #[error("the refresh token was used before")]
    SpentRefreshToken,
    #[error("the refresh token was used before; its grant is revoked")]
    ReusedRefreshToken,
    #[error("the user has reached the maximum number of grants for this app")]
    TooManyGrants,
    #[error("this grant has too many active tokens; use the newest")]
    TooManyPairs,
}

impl GrantError {
    /// Whether the error is about a code; otherwise it is about a refresh token.
    pub(crate) fn is_about_a_code(&self) -> bool {
        match self {
            Self::UnknownCode
            | Self::SpentCode
            | Self::OtherRedirectUri
            | Self::WrongVerifier
            | Self::TooManyGrants => true,
            Self::UnknownRefreshToken | Self::SpentRefreshToken | Self::ReusedRefreshToken | Self::TooManyPairs => {
                false
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct TokenStore {
    pending: BoundedMap<Digest, PendingAuthorization>,
    codes: BoundedMap<Digest, AuthorizationCode>,
    access_tokens: BoundedMap<Digest, AccessToken>,
    refresh_tokens: BoundedMap<Digest, RefreshToken>,
    /// The active token pairs, for providers that allow several per grant.
    pairs: BoundedMap<GrantId, Vec<LivePair>>,
    grants: BoundedMap<GrantId, Grant>,
    /// Accounts per provider, and whether the app has registered them.
    registered: BoundedMap<Digest, bool>,
    next_grant: u64,
}

impl TokenStore {
    pub(crate) fn new(max_grants: usize) -> Self {
        Self {
            pending: BoundedMap::new(MAX_LOGINS),
            codes: BoundedMap::new(MAX_LOGINS),
            access_tokens: BoundedMap::new(max_grants),
            refresh_tokens: BoundedMap::new(max_grants),
            pairs: BoundedMap::new(max_grants),
            grants: BoundedMap::new(max_grants),
            registered: BoundedMap::new(max_grants),
            next_grant: 0,
        }
    }

    pub(crate) fn add_pending(&mut self, handle: &str, pending: PendingAuthorization) {
        self.pending.insert(Digest::of(handle), pending);
    }

    pub(crate) fn pending(
        &mut self,
        face: &ProviderProfile,
        handle: &str,
        now: Timestamp,
    ) -> Option<&mut PendingAuthorization> {
        let pending = self.pending.get_mut(&Digest::of(handle))?;
        (pending.face == face && is_within(PENDING_TTL, pending.added_at, now)).then_some(pending)
    }

    /// Removes a pending request. If the user submits the form twice, only the first submission counts.
    pub(crate) fn take_pending(&mut self, handle: &str) {
        self.pending.remove(&Digest::of(handle));
    }

    pub(crate) fn add_code(&mut self, code: &str, issued: AuthorizationCode) {
        self.codes.insert(Digest::of(code), issued);
    }

    /// Exchanges a code for its grant. A second use of the code revokes the grant (RFC 6749, section 4.1.2).
    pub(crate) fn spend_code(
        &mut self,
        face: &ProviderProfile,
        presented: &PresentedCode<'_>,
        code_ttl: Duration,
        now: Timestamp,
    ) -> Result<GrantId, GrantError> {
        let code = self.codes.get_mut(&Digest::of(presented.code)).filter(|code| code.face == face);
        let code = code.ok_or(GrantError::UnknownCode)?;
        if let Some(grant) = code.spent_for {
            self.revoke(grant);
            return Err(GrantError::SpentCode);
        }
        code.check(presented, code_ttl, now)?;
        if has_reached_grant_limit(&self.grants, face, &code.account) {
            return Err(GrantError::TooManyGrants);
        }
        let id = GrantId(self.next_grant);
        code.spent_for = Some(id);
        let grant = code.grant();
        Ok(self.add_grant(grant))
    }

    pub(crate) fn add_grant(&mut self, grant: Grant) -> GrantId {
        let id = GrantId(self.next_grant);
        self.next_grant += 1;
        self.grants.insert(id, grant);
        id
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    pub(crate) fn revoke_account(&mut self, face: &ProviderProfile, account_id: &str) {
        let of_account = |grant: &&mut Grant| grant.profile == face && grant.account.id == account_id;
        self.grants.values_mut().filter(of_account).for_each(|grant| grant.revoked = true);
    }

    /// Registers an account. Returns `false` if it is already registered.
    pub(crate) fn register(&mut self, face: &ProviderProfile, account_id: &str) -> bool {
        let key = registration(face, account_id);
        if let Some(registered) = self.registered.get_mut(&key) {
            return !std::mem::replace(registered, true);
        }
        self.registered.insert(key, true);
        true
    }

    pub(crate) fn deregister(&mut self, face: &ProviderProfile, account_id: &str) {
        if let Some(registered) = self.registered.get_mut(&registration(face, account_id)) {
            *registered = false;
        }
    }

    pub(crate) fn is_registered(&self, face: &ProviderProfile, account_id: &str) -> bool {
        self.registered.get(&registration(face, account_id)) == Some(&true)
    }

    /// Returns the grants of a provider, oldest first.
    pub(crate) fn grants(&self, face: &ProviderProfile) -> Vec<Grant> {
        self.grants.values().filter(|grant| grant.profile == face).cloned().collect()
    }

    fn revoke(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.revoked = true;
        }
    }
}

/// Whether a user has reached the provider's maximum number of active grants for the app.
fn has_reached_grant_limit(grants: &BoundedMap<GrantId, Grant>, face: &ProviderProfile, account: &Account) -> bool {
    let lives = |grant: &&Grant| grant.profile == face && grant.account.id == account.id && !grant.revoked;
    face.max_grants_per_user.is_some_and(|most| grants.values().filter(lives).count() >= most)
}

fn registration(face: &ProviderProfile, account_id: &str) -> Digest {
    Digest::of(&format!("{}/{account_id}", face.slug))
}
