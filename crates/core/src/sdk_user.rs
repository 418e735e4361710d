//! Redeems mobile tokens: a mobile app exchanges one token for one connection of an on-device source.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    connection::{Connection, MAX_CONNECTIONS_OF_END_USER},
    developer::Developer,
    lock::Lock,
    mobile_token::TokenId,
    provider::Connects,
    receipt::Receipt,
    store::{Tx, Unit},
    store_error::StoreError,
    text::is_unsafe,
};
use terra_auth_types::{MobileToken, ReferenceId, UserId, log_limit::LogLimit, wire};

use crate::{
    auth::Auth, connection::NewConnection, event::Proof, login::begin::is_at_user_limit, mobile_token::InvalidToken,
};

/// The maximum length of a device's identifier.
const MAX_DEVICE_BYTES: usize = 256;

/// Why a mobile token was not redeemed. Only a success spends the token.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateSdkUserError {
    /// The token is used, expired, forged or of another environment; the caller cannot tell which.
    #[error("the token was used, has expired, or belongs to another environment; mint a new one")]
    InvalidToken,
    /// The token is not bound to a reference id, and the environment requires that.
    #[error("this environment accepts only tokens that were minted for a reference id; mint one with reference_id")]
    UnboundToken,
    /// `resource` is missing or is not an on-device source.
    #[error("invalid resource: name an on-device source, such as APPLE")]
    InvalidResource,
    /// The device's id is missing or too long.
    #[error("invalid resource_user_identifier: 1 to 256 bytes that name the device")]
    InvalidDevice,
    /// The reference id is malformed.
    #[error("invalid reference_id: 1 to 512 bytes of text without control characters")]
    InvalidReferenceId,
    /// The environment has reached its user limit.
    #[error("this environment's user limit is reached; deauthenticate a user, or use another environment")]
    UserLimit,
    /// The store failed.
    #[error("could not redeem the token")]
    Store(#[from] StoreError),
}

impl From<InvalidToken> for AuthenticateSdkUserError {
    fn from(InvalidToken: InvalidToken) -> Self {
        Self::InvalidToken
    }
}

/// Every user of the app can trigger this log line.
static REPLACED_DEVICE_LOG: LogLimit = LogLimit::every(Duration::from_secs(10));

impl Auth {
    /// Checks whether a mobile token was created for this environment and has not expired. Only redeeming it
    /// shows whether it is spent.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`].
    pub fn verify_mobile_token(&self, developer: &Developer, token: &MobileToken) -> Result<(), InvalidToken> {
        self.check_mobile_token(&developer.dev_id, token).map(drop)
    }

    /// Redeems a mobile token for a connection. Of any number of concurrent callers, one succeeds.
    ///
    /// The same device with the same reference id gets its existing connection. A new device replaces the end
    /// user's earlier connections of that source. It gets their user id only if the environment keeps user ids
    /// and the token is bound to that reference id. Without a reference id only the same device is recognised.
    ///
    /// # Errors
    ///
    /// See [`AuthenticateSdkUserError`].
    pub async fn authenticate_sdk_user(
        &self,
        developer: &Developer,
        token: &MobileToken,
        params: &wire::AuthenticateSdkUserParams,
    ) -> Result<wire::AuthenticateSdkUser, AuthenticateSdkUserError> {
        let genuine = self.check_mobile_token(&developer.dev_id, token)?;
        if developer.bound_tokens_only && genuine.bound_to.is_none() {
            return Err(AuthenticateSdkUserError::UnboundToken);
        }
        let info = self.offered(developer, params.resource.as_deref().unwrap_or_default());
        let info = info.filter(|info| info.connects == Connects::OnDevice);
        let device = params.resource_user_identifier.as_deref().unwrap_or_default();
        if !(1..=MAX_DEVICE_BYTES).contains(&device.len()) || device.chars().any(is_unsafe) {
            return Err(AuthenticateSdkUserError::InvalidDevice);
        }
        let claimed = params.reference_id.as_deref().filter(|text| !text.is_empty()).map(str::parse).transpose();
        let claimed: Option<ReferenceId> = claimed.map_err(|_| AuthenticateSdkUserError::InvalidReferenceId)?;
        let proof = if genuine.bound_to.is_some() { Proof::OfUser } else { Proof::Claim };
        let connection = Connection {
            user_id: UserId(self.entropy().id()),
            dev_id: developer.dev_id.clone(),
            provider: info.ok_or(AuthenticateSdkUserError::InvalidResource)?.provider.clone(),
            account: device.to_owned(),
            reference_id: genuine.bound_to.or(claimed),
            scopes: None,
            active: true,
            created_at: self.now(),
            last_webhook_update: None,
            grant: None,
        };
        let reference_id = connection.reference_id.as_ref().map(ToString::to_string);
        let new = NewConnection {
            connection,
            tokens: None,
            flow_id: None,
            session_id: None,
            proof,
            event_ids: [self.new_event_id(), self.new_event_id()],
            now: self.now(),
        };
        let receipt = Receipt { id: new.event_ids[0].0, created_at: new.now };
        let unit = RedeemToken { auth: self.clone(), token: (genuine.token_id, genuine.expires_at), new };
        let RedeemedToken { user_id, replaced } = self.store().run_once(receipt, unit).await?;
        self.outbox().notify_one();
        log_replaced(developer, user_id, &replaced, proof);
        Ok(wire::AuthenticateSdkUser { status: wire::Status::Success, user_id, reference_id })
    }
}

/// Logs that a device replaced another one. If the token is not bound, only the device claims that both belong
/// to one user.
fn log_replaced(developer: &Developer, user_id: UserId, replaced: &[UserId], proof: Proof) {
    let Some(old_user_id) = replaced.first() else { return };
    let (environment, count) = (developer.dev_id.as_str(), replaced.len());
    match proof {
        Proof::OfUser => {
            tracing::info!(environment, %user_id, %old_user_id, replaced = count, "a device replaced another device of the same user");
        }
        Proof::Claim => {
            if let Some(left_out) = REPLACED_DEVICE_LOG.admit(Instant::now()) {
                tracing::warn!(
                    environment, %user_id, %old_user_id, replaced = count, left_out,
                    "another device replaced a user's connection, with a token that was not bound to a reference id; \
                     set bound_tokens_only to reject such tokens"
                );
            }
        }
    }
}

/// The user of the redeemed token, and the connections that were replaced.
struct RedeemedToken {
    user_id: UserId,
    replaced: Vec<UserId>,
}

struct RedeemToken {
    auth: Auth,
    token: (TokenId, Timestamp),
    new: NewConnection,
}

#[async_trait]
impl Unit for RedeemToken {
    type Done = RedeemedToken;
    type Error = AuthenticateSdkUserError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<RedeemedToken, AuthenticateSdkUserError> {
        let (token_id, expires_at) = self.token;
        if !tx.consume_token(token_id, expires_at).await? {
            return Err(AuthenticateSdkUserError::InvalidToken);
        }
        let new = &self.new.connection;
        let developer = tx.lock_developer_shared(&new.dev_id).await?.ok_or(AuthenticateSdkUserError::InvalidToken)?;
        tx.lock(match &new.reference_id {
            Some(reference_id) => Lock::EndUser(&new.dev_id, &new.provider, reference_id),
            None => Lock::Account(&new.dev_id, &new.provider, &new.account),
        })
        .await?;
        let earlier = self.earlier(tx).await?;
        if let Some(same) = earlier.iter().find(|connection| connection.account == new.account) {
            return Ok(RedeemedToken { user_id: same.user_id, replaced: Vec::new() });
        }
        if earlier.is_empty() && is_at_user_limit(tx, &developer).await? {
            return Err(AuthenticateSdkUserError::UserLimit);
        }
        let user_id = self.new.add_or_renew_connection(&self.auth, tx, &developer, &earlier).await?;
        Ok(RedeemedToken { user_id, replaced: earlier.iter().map(|old| old.user_id).collect() })
    }
}

impl RedeemToken {
    /// Reads the end user's connections of this source; without a reference id, those of the device.
    async fn earlier(&self, tx: &mut dyn Tx) -> Result<Vec<Connection>, StoreError> {
        let new = &self.new.connection;
        let Some(reference_id) = &new.reference_id else {
            return tx.connections_of_account(&new.dev_id, &new.provider, &new.account, None).await;
        };
        let mut earlier = tx.connections_of(&new.dev_id, reference_id, MAX_CONNECTIONS_OF_END_USER).await?;
        earlier.retain(|connection| connection.provider == new.provider);
        Ok(earlier)
    }
}
