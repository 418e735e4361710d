//! Single-use tokens: minted without touching the store, spent by one insert.

use std::fmt;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use terra_auth_types::{
    DevId, MobileToken, ReferenceId, StreamingToken,
    wire::{MOBILE_TOKEN_TTL_S, Status},
};
use terra_auth_types::{UserId, wire};

use crate::{auth::Auth, connection::UserInfoError, developer::Developer, store::StoreError};

/// How long a token lives.
pub const MOBILE_TOKEN_TTL: SignedDuration = SignedDuration::from_secs(MOBILE_TOKEN_TTL_S as i64);

/// What makes a token one of a kind: key version (1 byte), expiry in Unix milliseconds (6), random (9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(pub [u8; 16]);

/// The verb for mobile tokens.
#[async_trait]
pub trait MobileTokens: Send {
    /// Spends a token; answers whether it was unspent. Of any number of callers one is told yes.
    /// Remembered beyond `expires_at`, when the token stops working by itself. A token that expires at or before one that
    /// was forgotten counts as spent.
    async fn spend_token(&mut self, token_id: TokenId, expires_at: Timestamp) -> Result<bool, StoreError>;
}

/// What a token is good for; a token of one kind never works as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Mobile,
    StreamingDeveloper,
    StreamingUser,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Mobile => b"mobile token",
            Self::StreamingDeveloper => b"streaming developer token",
            Self::StreamingUser => b"streaming user token",
        }
    }
}

/// Forged, expired, or of another environment; whether it is spent is for the store to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token was used, has expired, or belongs to another environment")]
pub struct InvalidToken;

/// A token that was made here and has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Genuine {
    pub(crate) token_id: TokenId,
    pub(crate) expires_at: Timestamp,
    pub(crate) bound_to: Option<ReferenceId>,
}

const KEY_VERSION: u8 = 1;
const MARK_LEN: usize = 16;

impl Auth {
    /// Mints a mobile token. Nothing is stored, so it costs no more than its MAC.
    ///
    /// Wire shape: hex of token id (16 bytes), MAC (16 bytes) and the reference id it is bound to, if any; so 64 hex
    /// digits when there is none.
    #[must_use]
    pub fn generate_auth_token(&self, developer: &Developer, reference_id: Option<&ReferenceId>) -> wire::AuthToken {
        let token = self.mint(Purpose::Mobile, &developer.dev_id, reference_id.map_or("", ReferenceId::as_str));
        wire::AuthToken { status: Status::Success, token: MobileToken::from(token), expires_in: MOBILE_TOKEN_TTL_S }
    }

    /// Mints the token of a consumer, who receives the live data of all users.
    #[must_use]
    pub fn developer_streaming_token(&self, developer: &Developer) -> wire::StreamToken {
        let token = self.mint(Purpose::StreamingDeveloper, &developer.dev_id, "");
        wire::StreamToken { token: StreamingToken::from(token) }
    }

    /// Mints the token of a producer, who sends one user's live data.
    ///
    /// # Errors
    ///
    /// The user is not a connection of this developer, or the store failed.
    pub async fn user_streaming_token(
        &self,
        developer: &Developer,
        user_id: UserId,
    ) -> Result<wire::StreamToken, UserInfoError> {
        if !self.user_info(developer, user_id).await?.is_authenticated {
            return Err(UserInfoError::UserNotFound);
        }
        let token = self.mint(Purpose::StreamingUser, &developer.dev_id, &user_id.to_string());
        Ok(wire::StreamToken { token: StreamingToken::from(token) })
    }

    fn mint(&self, purpose: Purpose, dev_id: &DevId, bound_to: &str) -> String {
        let expires_at = self.now() + MOBILE_TOKEN_TTL;
        let mut token = Vec::with_capacity(16 + MARK_LEN + bound_to.len());
        token.push(KEY_VERSION);
        token.extend_from_slice(&expires_at.as_millisecond().to_be_bytes()[2..]);
        token.extend_from_slice(&self.entropy.bytes::<9>());
        let mark = self.mark(purpose, dev_id, &token, bound_to);
        token.extend_from_slice(&mark);
        token.extend_from_slice(bound_to.as_bytes());
        hex::encode(token)
    }

    pub(crate) fn check_mobile_token(&self, dev_id: &DevId, token: &MobileToken) -> Result<Genuine, InvalidToken> {
        let bytes = hex::decode(token.expose()).map_err(|_| InvalidToken)?;
        let (token_id, rest) = bytes.split_first_chunk::<16>().ok_or(InvalidToken)?;
        let (mark, bound_to) = rest.split_first_chunk::<MARK_LEN>().ok_or(InvalidToken)?;
        let bound_to = str::from_utf8(bound_to).map_err(|_| InvalidToken)?;
        let expected = self.mark(Purpose::Mobile, dev_id, token_id, bound_to);
        if !bool::from(mark.ct_eq(&expected)) {
            return Err(InvalidToken);
        }
        let expires_at = expiry(token_id).filter(|expires_at| self.now() < *expires_at).ok_or(InvalidToken)?;
        Ok(Genuine { token_id: TokenId(*token_id), expires_at, bound_to: bound_to.parse().ok() })
    }

    fn mark(&self, purpose: Purpose, dev_id: &DevId, token_id: &[u8], bound_to: &str) -> [u8; MARK_LEN] {
        let parts = [purpose.label(), dev_id.as_str().as_bytes(), token_id, bound_to.as_bytes()];
        let mut mark = [0; MARK_LEN];
        mark.copy_from_slice(&self.keys.mark(&parts)[..MARK_LEN]);
        mark
    }
}

fn expiry(token_id: &[u8; 16]) -> Option<Timestamp> {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&token_id[1..7]);
    Timestamp::from_millisecond(i64::from_be_bytes(ms)).ok()
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
