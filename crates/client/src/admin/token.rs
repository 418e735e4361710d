use terra_auth_types::wire::admin::{AdminTokenInfo, AdminTokens, CreateAdminToken, IssuedAdminToken};
use uuid::Uuid;

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Lists all admin tokens, oldest first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_admin_tokens(&self) -> Result<Vec<AdminTokenInfo>, AdminError> {
        self.read::<AdminTokens>(Call::get(self.url_for(["tokens"]))).await.map(|answer| answer.tokens)
    }

    /// Creates an admin token. No later response shows the token again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_admin_token(&self, new: &CreateAdminToken) -> Result<IssuedAdminToken, AdminError> {
        self.read(Call::post(self.url_for(["tokens"])).json(new)).await
    }

    /// Revokes an admin token at once.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] for the token of the last owner.
    pub async fn revoke_admin_token(&self, token_id: Uuid) -> Result<(), AdminError> {
        let call = Call::delete(self.url_for(["tokens", &token_id.to_string()]));
        Ok(self.inner.transport.send_without_result(&call).await?)
    }
}
