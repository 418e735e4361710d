use terra_auth_types::wire::admin::{RotatedMasterKey, VaultRotation, VaultStatus};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// The keys that seal and mark, without the keys themselves, and how far the newest rotation is.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn vault_status(&self) -> Result<VaultStatus, AdminError> {
        self.read(Call::get(self.at(["vault"]))).await
    }

    /// How far the newest rotation is.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn vault_rotation(&self) -> Result<VaultRotation, AdminError> {
        self.read(Call::get(self.at(["vault", "rotation"]))).await
    }

    /// Begins to seal everything with a new data key, or goes on with a rotation that was cut off; the server goes on serving.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn begin_rotation(&self) -> Result<VaultRotation, AdminError> {
        self.read(Call::post(self.at(["vault", "rotation"]))).await
    }

    /// Has the server read its master keys again, and wrap all data keys with the first one.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] if it cannot read them.
    pub async fn rotate_master_key(&self) -> Result<RotatedMasterKey, AdminError> {
        self.read(Call::post(self.at(["vault", "master-key", "rotate"]))).await
    }
}
