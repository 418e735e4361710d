//! Issues access tokens to the operator's own workers, which call the provider themselves. Each one is audited.

use secrecy::ExposeSecret as _;
use terra_auth_model::store_error::StoreError;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{IssuedAccessToken, Role},
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
    node::refresh::in_flight::AccessTokenError,
};

/// Why no access token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueAccessTokenError {
    /// The admin is not allowed to, or the environment does not exist.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The connection has no valid access token.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
}

impl From<StoreError> for IssueAccessTokenError {
    fn from(error: StoreError) -> Self {
        Self::Admin(error.into())
    }
}

impl Auth {
    /// Returns an access token of a connection that is valid for at least a minute; refreshes it first if necessary.
    ///
    /// # Errors
    ///
    /// See [`IssueAccessTokenError`].
    pub async fn issue_access_token(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        user_id: UserId,
    ) -> Result<IssuedAccessToken, IssueAccessTokenError> {
        let target = user_id.to_string();
        let act = AuditedAction { action: "connection.issue_access_token", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        let token = self.access_token(dev_id, user_id).await?;
        self.store().run(AppendAuditEntry(PendingAuditEntry::new(self, admin, &act, true))).await?; // before it is returned
        Ok(IssuedAccessToken {
            access_token: token.access_token.expose_secret().into(),
            expires_at: token.expires_at,
            scopes: token.scopes,
        })
    }
}
