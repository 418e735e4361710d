//! Vault rotation by a running server, and its progress.

use terra_auth_model::{
    causes::Causes,
    keys::{DataKey, MasterKey, MasterKeySourceError},
    store_error::StoreError,
    vault::ReadDataKeys,
};
use terra_auth_types::wire::admin::{Role, RotatedMasterKey, VaultRotation, VaultRotationState, VaultStatus};

use super::{
    KEY_PROPAGATION_TIME,
    rotate::{RotateError, is_in_use},
};
use crate::node::rotation::LatestRotation;
pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    auth::Auth,
};

/// Why a new master key is not in use.
#[derive(Debug, thiserror::Error)]
pub enum RotateMasterKeyError {
    /// The admin is not allowed to, or the action could not be recorded.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The source of the master keys cannot be read.
    #[error("the master keys cannot be read again")]
    Source(#[source] MasterKeySourceError),
}

impl Auth {
    /// Begins to re-encrypt all values with a new data key, or continues an interrupted rotation. The work
    /// continues in the background after this returns; [`Auth::vault_rotation`] returns its progress.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn begin_rotation(&self, admin: &Admin) -> Result<VaultRotation, AdminError> {
        self.permit(admin, Role::Owner, &AuditedAction { action: "vault.announce", dev_id: None, target: "" }).await?;
        if let Some(turn) = RotationGuard::take(self) {
            self.announce_data_key(admin).await?;
            let admin = admin.clone();
            tokio::spawn(async move { turn.rotate(&admin).await });
        }
        Ok(self.vault_rotation().await?)
    }

    /// Returns the progress of the latest rotation.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn vault_rotation(&self) -> Result<VaultRotation, StoreError> {
        Ok(self.rotation_of(&self.data_keys().await?))
    }

    /// Returns the keys and the progress of their latest rotation.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn vault_status(&self) -> Result<VaultStatus, StoreError> {
        let keys = self.store().read(ReadDataKeys {}).await?;
        let newest = keys.iter().filter(|key| key.activated_at.is_some() && is_in_use(key)).map(|key| key.number).max();
        Ok(VaultStatus {
            data_keys: keys.iter().map(|key| key.to_wire(newest)).collect(),
            master_keys: self.keys().master_keys().all().map(MasterKey::id).map(|id| id.to_string()).collect(),
            rotation: self.rotation_of(&keys),
        })
    }

    /// Reads the master keys again from their source, and wraps all data keys with the current one.
    ///
    /// # Errors
    ///
    /// See [`RotateMasterKeyError`]; no key was wrapped.
    pub async fn rotate_master_key(&self, admin: &Admin) -> Result<RotatedMasterKey, RotateMasterKeyError> {
        self.permit(admin, Role::Owner, &AuditedAction { action: "vault.rewrap", dev_id: None, target: "" }).await?;
        self.keys().reload_master_keys().await.map_err(RotateMasterKeyError::Source)?;
        let rewrapped = self.rewrap_data_keys(admin).await?;
        Ok(RotatedMasterKey { master_key: self.keys().master_keys().current().id().to_string(), rewrapped })
    }

    fn rotation_of(&self, keys: &[DataKey]) -> VaultRotation {
        let latest = self.rotations().latest().clone();
        let in_use: Vec<_> = keys.iter().filter(|key| is_in_use(key)).collect();
        let state = match *in_use {
            _ if latest.running => VaultRotationState::Running,
            [only] if only.activated_at.is_some() => VaultRotationState::Done,
            _ => VaultRotationState::Unfinished,
        };
        VaultRotation {
            data_key: in_use.last().map_or(0, |key| key.number),
            state,
            looked_at: latest.progress.looked_at,
            resealed: latest.progress.resealed,
            failure: latest.failure.filter(|_| state == VaultRotationState::Unfinished),
        }
    }
}

/// Allows one rotation at a time on this node, until it is dropped.
struct RotationGuard(Auth);

impl RotationGuard {
    fn take(auth: &Auth) -> Option<Self> {
        let mut latest = auth.rotations().latest();
        if latest.running {
            return None;
        }
        *latest = LatestRotation { running: true, ..LatestRotation::default() };
        Some(Self(auth.clone()))
    }

    async fn rotate(self, admin: &Admin) {
        let latest = || self.0.rotations().latest();
        let tell = |progress| latest().progress = progress;
        match self.0.rotate_to_announced(admin, KEY_PROPAGATION_TIME, tell).await {
            Ok(rotated) => {
                tracing::info!(data_key = rotated.data_key, "all values are encrypted with the new data key");
            }
            Err(error) => {
                tracing::error!(error = %Causes(&error), "the vault rotation failed");
                latest().failure = Some(operator_message(&error));
            }
        }
    }
}

impl Drop for RotationGuard {
    fn drop(&mut self) {
        self.0.rotations().latest().running = false;
    }
}

/// The error text for the operator. Details of a store error are only in the log.
fn operator_message(error: &RotateError) -> String {
    match error {
        RotateError::UnreadableValues(_) | RotateError::OlderKeyInUse => error.to_string(),
        RotateError::Admin(_) | RotateError::Store(_) => "the store failed; see the server's log".to_owned(),
    }
}
