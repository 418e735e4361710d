use terra_auth_types::wire::admin::{AdminTokenInfo, AdminTokens, CreateAdminToken, IssuedAdminToken};
use uuid::Uuid;

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// All admin tokens, oldest first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_admin_tokens(&self) -> Result<Vec<AdminTokenInfo>, AdminError> {
        self.read::<AdminTokens>(Call::get(self.at(["tokens"]))).await.map(|answer| answer.tokens)
    }

    /// Makes a named admin token, which no later answer shows again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_admin_token(&self, new: &CreateAdminToken) -> Result<IssuedAdminToken, AdminError> {
        self.read(Call::post(self.at(["tokens"])).json(new)).await
    }

    /// Ends an admin token at once.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] for the last owner's.
    pub async fn revoke_admin_token(&self, token_id: Uuid) -> Result<(), AdminError> {
        let call = Call::delete(self.at(["tokens", &token_id.to_string()]));
        Ok(self.inner.transport.done(&call).await?)
    }
}
