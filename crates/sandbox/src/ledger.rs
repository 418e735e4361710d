//! What the sandbox remembers. Secrets are kept as digests, and every map forgets its oldest entry when it is full.

mod entry;
mod pairs;
mod token;

use std::time::Duration;

use jiff::Timestamp;

pub use entry::{Account, Grant};
pub(crate) use entry::{Code, Pending, PresentedCode};
use pairs::LivePair;
use token::{AccessToken, RefreshToken};
pub(crate) use token::{Known, Pair, Presented, Refresh};

use crate::{bounded::Bounded, digest::Digest, face::Face};
use entry::is_within;

/// How long a person may take to sign in and to consent.
const PENDING_TTL: Duration = Duration::from_mins(15);

/// Logins that are remembered, finished or not; each is over after minutes.
const MAX_LOGINS: usize = 5_000;
/// Grants, accounts and tokens of each kind that are remembered unless the caller decides: about 10 MB in all.
pub(crate) const MAX_GRANTS: usize = 25_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(u64);

/// Why a code or a refresh token opens nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GrantError {
    #[error("the authorization code is unknown or has expired")]
    UnknownCode,
    #[error("the authorization code was used before, what it opened is revoked")]
    SpentCode,
    #[error("the redirect_uri is not the one of the authorization request")]
    OtherRedirectUri,
    #[error("the code_verifier does not fit the code_challenge")]
    WrongVerifier,
    #[error("the refresh token is unknown, revoked or has expired")]
    UnknownRefreshToken,
    #[error("the refresh token was used before")]
    SpentRefreshToken,
    #[error("the refresh token was used before, its grant is revoked")]
    ReusedRefreshToken,
    #[error("the person has given the app as many grants as there may be")]
    TooManyGrants,
    #[error("too many tokens of this grant live; use the newest")]
    TooManyPairs,
}

impl GrantError {
    /// Rather than a refresh token.
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
pub(crate) struct Ledger {
    pending: Bounded<Digest, Pending>,
    codes: Bounded<Digest, Code>,
    access_tokens: Bounded<Digest, AccessToken>,
    refresh_tokens: Bounded<Digest, RefreshToken>,
    /// Where a face lets pairs live beside each other.
    pairs: Bounded<GrantId, Vec<LivePair>>,
    grants: Bounded<GrantId, Grant>,
    /// Accounts by face, and whether the app has them registered now.
    registered: Bounded<Digest, bool>,
    next_grant: u64,
}

impl Ledger {
    pub(crate) fn new(max_grants: usize) -> Self {
        Self {
            pending: Bounded::new(MAX_LOGINS),
            codes: Bounded::new(MAX_LOGINS),
            access_tokens: Bounded::new(max_grants),
            refresh_tokens: Bounded::new(max_grants),
            pairs: Bounded::new(max_grants),
            grants: Bounded::new(max_grants),
            registered: Bounded::new(max_grants),
            next_grant: 0,
        }
    }

    pub(crate) fn add_pending(&mut self, handle: &str, pending: Pending) {
        self.pending.add(Digest::of(handle), pending);
    }

    pub(crate) fn pending(&mut self, face: &Face, handle: &str, now: Timestamp) -> Option<&mut Pending> {
        let pending = self.pending.get_mut(&Digest::of(handle))?;
        (pending.face == face && is_within(PENDING_TTL, pending.added_at, now)).then_some(pending)
    }

    /// Two answers to one request: the first wins, the second finds nothing.
    pub(crate) fn take_pending(&mut self, handle: &str) {
        self.pending.take(&Digest::of(handle));
    }

    pub(crate) fn add_code(&mut self, code: &str, issued: Code) {
        self.codes.add(Digest::of(code), issued);
    }

    /// Opens the grant that a code stands for. A code that comes twice revokes the grant (RFC 6749, section 4.1.2).
    pub(crate) fn spend_code(
        &mut self,
        face: &Face,
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
        if is_full(&self.grants, face, &code.account) {
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
        self.grants.add(id, grant);
        id
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    pub(crate) fn revoke_account(&mut self, face: &Face, account_id: &str) {
        let of_account = |grant: &&mut Grant| grant.face == face && grant.account.id == account_id;
        self.grants.values_mut().filter(of_account).for_each(|grant| grant.revoked = true);
    }

    /// `false` if the account was registered already.
    pub(crate) fn register(&mut self, face: &Face, account_id: &str) -> bool {
        let key = registration(face, account_id);
        if let Some(registered) = self.registered.get_mut(&key) {
            return !std::mem::replace(registered, true);
        }
        self.registered.add(key, true);
        true
    }

    pub(crate) fn deregister(&mut self, face: &Face, account_id: &str) {
        if let Some(registered) = self.registered.get_mut(&registration(face, account_id)) {
            *registered = false;
        }
    }

    pub(crate) fn is_registered(&self, face: &Face, account_id: &str) -> bool {
        self.registered.get(&registration(face, account_id)) == Some(&true)
    }

    /// Oldest first.
    pub(crate) fn grants(&self, face: &Face) -> Vec<Grant> {
        self.grants.values().filter(|grant| grant.face == face).cloned().collect()
    }

    fn revoke(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.revoked = true;
        }
    }
}

/// Whether a person has given the app as many grants as the face lets live at a time.
fn is_full(grants: &Bounded<GrantId, Grant>, face: &Face, account: &Account) -> bool {
    let lives = |grant: &&Grant| grant.face == face && grant.account.id == account.id && !grant.revoked;
    face.most_grants.is_some_and(|most| grants.values().filter(lives).count() >= most)
}

fn registration(face: &Face, account_id: &str) -> Digest {
    Digest::of(&format!("{}/{account_id}", face.slug))
}
