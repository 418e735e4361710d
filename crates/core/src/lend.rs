//! Access tokens for the operator's own workers, which call the provider themselves: each loan is written down.

use secrecy::ExposeSecret as _;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{LentAccessToken, Role},
};

use crate::{
    admin::{Act, Admin, AdminError},
    audit::{Draft, Remark},
    auth::Auth,
    refresh::AccessTokenError,
    store::StoreError,
};

/// Why no access token was lent.
#[derive(Debug, thiserror::Error)]
pub enum LendAccessTokenError {
    /// The admin may not, or there is no such environment.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// There is none.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
}

impl From<StoreError> for LendAccessTokenError {
    fn from(error: StoreError) -> Self {
        Self::Admin(error.into())
    }
}

impl Auth {
    /// Lends an access token of a connection that works for a minute at least; it is refreshed first if it must be.
    ///
    /// # Errors
    ///
    /// See [`LendAccessTokenError`].
    pub async fn lend_access_token(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        user_id: UserId,
    ) -> Result<LentAccessToken, LendAccessTokenError> {
        let target = user_id.to_string();
        let act = Act { action: "connection.lend_access_token", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        self.known(dev_id)?;
        let token = self.access_token(dev_id, user_id).await?;
        self.store.run(Remark(Draft::new(self, admin, &act, true))).await?; // before anybody has it
        Ok(LentAccessToken {
            access_token: token.access_token.expose_secret().into(),
            expires_at: token.expires_at,
            scopes: token.scopes,
        })
    }
}
