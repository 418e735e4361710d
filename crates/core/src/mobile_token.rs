//! Single-use tokens: created without the store, spent by one insert.

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use terra_auth_model::{developer::Developer, mobile_token::TokenId};
use terra_auth_types::{
    DevId, MobileToken, ReferenceId, StreamingToken, UserId,
    wire::{self, MOBILE_TOKEN_TTL_S, Status},
};

use crate::{auth::Auth, connection::UserInfoError};

/// The lifetime of a token.
pub const MOBILE_TOKEN_TTL: SignedDuration = SignedDuration::from_secs(MOBILE_TOKEN_TTL_S as i64);

/// The use of a token. A token for one use is rejected for any other.
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

/// The token is forged, expired, or belongs to another environment. Only the store knows whether it is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token was used, has expired, or belongs to another environment")]
pub struct InvalidToken;

/// A token whose MAC is valid and which has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedToken {
    pub(crate) token_id: TokenId,
    pub(crate) expires_at: Timestamp,
    pub(crate) bound_to: Option<ReferenceId>,
}

const KEY_VERSION: u8 = 1;
const MAC_LEN: usize = 16;

impl Auth {
    /// Creates a mobile token. Nothing is stored; the only cost is the MAC.
    ///
    /// Wire format: hex of the token id (16 bytes), the MAC (16 bytes) and the reference id that the token is
    /// bound to, if any. Without a reference id that is 64 hex digits.
    #[must_use]
    pub fn generate_auth_token(&self, developer: &Developer, reference_id: Option<&ReferenceId>) -> wire::AuthToken {
        let token =
            self.new_mobile_token(Purpose::Mobile, &developer.dev_id, reference_id.map_or("", ReferenceId::as_str));
        wire::AuthToken { status: Status::Success, token: MobileToken::from(token), expires_in: MOBILE_TOKEN_TTL_S }
    }

    /// Creates a token for a consumer, which receives the live data of all users.
    #[must_use]
    pub fn developer_streaming_token(&self, developer: &Developer) -> wire::StreamToken {
        let token = self.new_mobile_token(Purpose::StreamingDeveloper, &developer.dev_id, "");
        wire::StreamToken { token: StreamingToken::from(token) }
    }

    /// Creates a token for a producer, which sends the live data of one user.
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
        let token = self.new_mobile_token(Purpose::StreamingUser, &developer.dev_id, &user_id.to_string());
        Ok(wire::StreamToken { token: StreamingToken::from(token) })
    }

    fn new_mobile_token(&self, purpose: Purpose, dev_id: &DevId, bound_to: &str) -> String {
        let expires_at = self.now() + MOBILE_TOKEN_TTL;
        let mut token = Vec::with_capacity(16 + MAC_LEN + bound_to.len());
        token.push(KEY_VERSION);
        token.extend_from_slice(&expires_at.as_millisecond().to_be_bytes()[2..]);
        token.extend_from_slice(&self.entropy().bytes::<9>());
        let mac = self.token_mac(purpose, dev_id, &token, bound_to);
        token.extend_from_slice(&mac);
        token.extend_from_slice(bound_to.as_bytes());
        hex::encode(token)
    }

    pub(crate) fn check_mobile_token(
        &self,
        dev_id: &DevId,
        token: &MobileToken,
    ) -> Result<VerifiedToken, InvalidToken> {
        let bytes = hex::decode(token.expose()).map_err(|_| InvalidToken)?;
        let (token_id, rest) = bytes.split_first_chunk::<16>().ok_or(InvalidToken)?;
        let (mac, bound_to) = rest.split_first_chunk::<MAC_LEN>().ok_or(InvalidToken)?;
        let bound_to = str::from_utf8(bound_to).map_err(|_| InvalidToken)?;
        let expected = self.token_mac(Purpose::Mobile, dev_id, token_id, bound_to);
        if !bool::from(mac.ct_eq(&expected)) {
            return Err(InvalidToken);
        }
        let expires_at = expiry(token_id).filter(|expires_at| self.now() < *expires_at).ok_or(InvalidToken)?;
        Ok(VerifiedToken { token_id: TokenId(*token_id), expires_at, bound_to: bound_to.parse().ok() })
    }

    fn token_mac(&self, purpose: Purpose, dev_id: &DevId, token_id: &[u8], bound_to: &str) -> [u8; MAC_LEN] {
        let parts = [purpose.label(), dev_id.as_str().as_bytes(), token_id, bound_to.as_bytes()];
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&self.keys().mac(&parts)[..MAC_LEN]);
        mac
    }
}

fn expiry(token_id: &[u8; 16]) -> Option<Timestamp> {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&token_id[1..7]);
    Timestamp::from_millisecond(i64::from_be_bytes(ms)).ok()
}
