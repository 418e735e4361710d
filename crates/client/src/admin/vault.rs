use terra_auth_types::wire::admin::{RotatedMasterKey, VaultRotation, VaultStatus};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Returns the metadata of the vault's keys and the progress of the newest rotation.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn vault_status(&self) -> Result<VaultStatus, AdminError> {
        self.read(Call::get(self.url_for(["vault"]))).await
    }

    /// Returns the progress of the newest rotation.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn vault_rotation(&self) -> Result<VaultRotation, AdminError> {
        self.read(Call::get(self.url_for(["vault", "rotation"]))).await
    }

    /// Starts to re-encrypt all values with a new data key, or continues an interrupted rotation. The server stays
    /// available.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn begin_rotation(&self) -> Result<VaultRotation, AdminError> {
        self.read(Call::post(self.url_for(["vault", "rotation"]))).await
    }

    /// Lets the server reload its master keys and encrypt all data keys with the first one.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] if the server cannot read the master keys.
    pub async fn rotate_master_key(&self) -> Result<RotatedMasterKey, AdminError> {
        self.read(Call::post(self.url_for(["vault", "master-key", "rotate"]))).await
    }
}
