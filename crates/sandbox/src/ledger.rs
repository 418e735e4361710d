//! What the sandbox remembers. Secrets are kept as digests, and every map forgets its oldest entry when it is full.

mod entry;

use std::time::Duration;

use jiff::Timestamp;

pub use entry::{Account, Grant};
pub(crate) use entry::{Code, Pending, PresentedCode};

use crate::{bounded::Bounded, digest::Digest, face::Face};
use entry::is_within;

/// How long a person may take to sign in and to consent.
const PENDING_TTL: Duration = Duration::from_mins(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(u64);

#[derive(Debug)]
struct AccessToken {
    grant: GrantId,
    added_at: Timestamp,
}

#[derive(Debug)]
struct RefreshToken {
    grant: GrantId,
    spent: bool,
}

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
    #[error("the refresh token is unknown or revoked")]
    UnknownRefreshToken,
    #[error("the refresh token was used before, its grant is revoked")]
    SpentRefreshToken,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    pending: Bounded<Digest, Pending>,
    codes: Bounded<Digest, Code>,
    access_tokens: Bounded<Digest, AccessToken>,
    refresh_tokens: Bounded<Digest, RefreshToken>,
    grants: Bounded<GrantId, Grant>,
    next_grant: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            pending: Bounded::new(),
            codes: Bounded::new(),
            access_tokens: Bounded::new(),
            refresh_tokens: Bounded::new(),
            grants: Bounded::new(),
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
        let id = GrantId(self.next_grant);
        self.next_grant += 1;
        code.spent_for = Some(id);
        self.grants.add(id, code.grant());
        Ok(id)
    }

    /// Finds the grant of an unspent refresh token. One that was spent revokes its grant (RFC 9700, section 4.14.2).
    pub(crate) fn refresh(&mut self, face: &Face, token: &str) -> Result<GrantId, GrantError> {
        let known = self.refresh_tokens.get(&Digest::of(token)).ok_or(GrantError::UnknownRefreshToken)?;
        let (id, spent) = (known.grant, known.spent);
        let live = self.grants.get(&id).is_some_and(|grant| grant.face == face && !grant.revoked);
        match (live, spent) {
            (false, _) => Err(GrantError::UnknownRefreshToken),
            (true, true) => {
                self.revoke(id);
                Err(GrantError::SpentRefreshToken)
            }
            (true, false) => Ok(id),
        }
    }

    pub(crate) fn count_refresh(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.refreshes += 1;
        }
    }

    pub(crate) fn spend_refresh_token(&mut self, token: &str) {
        if let Some(token) = self.refresh_tokens.get_mut(&Digest::of(token)) {
            token.spent = true;
        }
    }

    pub(crate) fn add_access_token(&mut self, token: &str, grant: GrantId, added_at: Timestamp) {
        self.access_tokens.add(Digest::of(token), AccessToken { grant, added_at });
    }

    pub(crate) fn add_refresh_token(&mut self, token: &str, grant: GrantId) {
        self.refresh_tokens.add(Digest::of(token), RefreshToken { grant, spent: false });
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    /// The live grant behind an access token of this face.
    pub(crate) fn grant_of_access_token(
        &self,
        face: &Face,
        token: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Option<&Grant> {
        let token = self.access_tokens.get(&Digest::of(token)).filter(|token| is_within(ttl, token.added_at, now))?;
        self.grants.get(&token.grant).filter(|grant| grant.face == face && !grant.revoked)
    }

    /// Revokes the grant behind an access or a refresh token, spent and expired ones too; an unknown token changes nothing.
    pub(crate) fn revoke_token(&mut self, face: &Face, token: &str) {
        let digest = Digest::of(token);
        let by_access = self.access_tokens.get(&digest).map(|token| token.grant);
        let by_refresh = self.refresh_tokens.get(&digest).map(|token| token.grant);
        let id = by_access.or(by_refresh);
        if let Some(grant) = id.and_then(|id| self.grants.get_mut(&id)).filter(|grant| grant.face == face) {
            grant.revoked = true;
        }
    }

    pub(crate) fn revoke_account(&mut self, face: &Face, account_id: &str) {
        let of_account = |grant: &&mut Grant| grant.face == face && grant.account.id == account_id;
        self.grants.values_mut().filter(of_account).for_each(|grant| grant.revoked = true);
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
