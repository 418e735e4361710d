//! The stored grants, accounts and codes.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::{GrantError, GrantId};
use crate::{
    digest::Digest,
    page::RedirectTarget,
    profile::{ProviderProfile, Scope},
};

/// The access that a user granted to the app; it exists from the code exchange on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The provider.
    pub profile: &'static ProviderProfile,
    /// The account that the grant gives access to.
    pub account: Account,
    /// The approved scopes, in the order of the request.
    pub scopes: Vec<&'static Scope>,
    /// The number of refreshes.
    pub refreshes: u32,
    /// Whether the grant is revoked. A revoked grant stays in the list, and its tokens are invalid.
    pub revoked: bool,
}

/// A user's account at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account name from the sign-in page.
    pub name: String,
    /// The provider's stable account id, see [`ProviderProfile::account_id`].
    pub id: String,
}

/// An authorization request that waits for the user.
#[derive(Clone, Debug)]
pub(crate) struct PendingAuthorization {
    pub(crate) face: &'static ProviderProfile,
    pub(crate) return_address: RedirectTarget,
    pub(crate) scopes: Vec<&'static Scope>,
    pub(crate) challenge: Option<String>,
    pub(crate) account: Option<Account>,
    pub(crate) added_at: Timestamp,
}

/// An issued authorization code.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    pub(crate) face: &'static ProviderProfile,
    pub(crate) redirect_uri: Url,
    pub(crate) challenge: Option<String>,
    pub(crate) account: Account,
    pub(crate) scopes: Vec<&'static Scope>,
    pub(crate) added_at: Timestamp,
    /// The grant that it was exchanged for, if any.
    pub(crate) spent_for: Option<GrantId>,
}

/// The parameters of a code exchange.
pub(crate) struct PresentedCode<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) verifier: Option<&'a str>,
}

impl AuthorizationCode {
    pub(super) fn check(&self, presented: &PresentedCode<'_>, ttl: Duration, now: Timestamp) -> Result<(), GrantError> {
        if !is_within(ttl, self.added_at, now) {
            Err(GrantError::UnknownCode)
        } else if self.redirect_uri.as_str() != presented.redirect_uri {
            Err(GrantError::OtherRedirectUri)
        } else if !self.is_verifier_valid(presented.verifier) {
            Err(GrantError::WrongVerifier)
        } else {
            Ok(())
        }
    }

    /// A verifier for a request without a challenge is rejected too (RFC 9700, section 4.8.2).
    fn is_verifier_valid(&self, verifier: Option<&str>) -> bool {
        match (&self.challenge, verifier) {
            (Some(challenge), Some(verifier)) => Digest::of(verifier).matches_base64url(challenge),
            (challenge, verifier) => challenge.is_none() && verifier.is_none(),
        }
    }

    pub(super) fn grant(&self) -> Grant {
        let (account, scopes) = (self.account.clone(), self.scopes.clone());
        Grant { profile: self.face, account, scopes, refreshes: 0, revoked: false }
    }
}

/// Whether less than `ttl` has passed. Nothing expires if the clock was set back.
pub(super) fn is_within(ttl: Duration, since: Timestamp, now: Timestamp) -> bool {
    !Duration::try_from(now.duration_since(since)).is_ok_and(|age| age >= ttl)
}
