//! The entries of the ledger.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::{GrantError, GrantId};
use crate::{
    digest::Digest,
    face::{Face, Scope},
    page::ReturnAddress,
};

/// The access that a person gave to the app, from the first token on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The provider.
    pub face: &'static Face,
    /// Whose data it opens.
    pub account: Account,
    /// What was ticked, in the order of the request.
    pub scopes: Vec<&'static Scope>,
    /// How often its refresh token was used.
    pub refreshes: u32,
    /// A revoked grant stays in the list, and its tokens are dead.
    pub revoked: bool,
}

/// A person's account at one face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As typed on the sign-in page.
    pub name: String,
    /// The stable external id, see [`Face::account_id`].
    pub id: String,
}

/// An authorization request that waits for a person.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) face: &'static Face,
    pub(crate) return_address: ReturnAddress,
    pub(crate) scopes: Vec<&'static Scope>,
    pub(crate) challenge: Option<String>,
    pub(crate) account: Option<Account>,
    pub(crate) added_at: Timestamp,
}

/// An authorization code, as it was issued.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) face: &'static Face,
    pub(crate) redirect_uri: Url,
    pub(crate) challenge: Option<String>,
    pub(crate) account: Account,
    pub(crate) scopes: Vec<&'static Scope>,
    pub(crate) added_at: Timestamp,
    /// The grant it was exchanged for, if it was.
    pub(crate) spent_for: Option<GrantId>,
}

/// A code as the client presents it.
pub(crate) struct PresentedCode<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
}

impl Code {
    pub(super) fn check(&self, presented: &PresentedCode<'_>, ttl: Duration, now: Timestamp) -> Result<(), GrantError> {
        if !is_within(ttl, self.added_at, now) {
            Err(GrantError::UnknownCode)
        } else if self.redirect_uri.as_str() != presented.redirect_uri {
            Err(GrantError::OtherRedirectUri)
        } else if !self.is_proven(presented.verifier) {
            Err(GrantError::WrongVerifier)
        } else {
            Ok(())
        }
    }

    /// A verifier for a request that had no challenge is refused too (RFC 9700, section 4.8.2).
    fn is_proven(&self, verifier: Option<&str>) -> bool {
        match (&self.challenge, verifier) {
            (Some(challenge), Some(verifier)) => Digest::of(verifier).is_written(challenge),
            (challenge, verifier) => challenge.is_none() && verifier.is_none(),
        }
    }

    pub(super) fn grant(&self) -> Grant {
        let (account, scopes) = (self.account.clone(), self.scopes.clone());
        Grant { face: self.face, account, scopes, refreshes: 0, revoked: false }
    }
}

/// Whether less than `ttl` has passed. A clock that was set back makes nothing expire.
pub(super) fn is_within(ttl: Duration, since: Timestamp, now: Timestamp) -> bool {
    !Duration::try_from(now.duration_since(since)).is_ok_and(|age| age >= ttl)
}
