//! A rotation by a server that goes on serving, and how far it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use terra_auth_types::wire::admin::{
    Role, RotatedMasterKey, VaultKey, VaultKeyState, VaultRotation, VaultRotationState, VaultStatus,
};

use super::{
    NODES_HEAR_WITHIN, Progress, ReadDataKeys,
    rotate::{RotateError, is_in_use},
};
use crate::{
    admin::{Act, Admin, AdminError},
    auth::Auth,
    causes::Causes,
    seal::{DataKey, MasterKey, MasterKeySourceError, Purpose},
    store::StoreError,
};

/// The rotation that this node is at, or was at last.
#[derive(Default)]
pub(crate) struct Rotations(Mutex<Latest>);

#[derive(Clone, Default)]
struct Latest {
    running: bool,
    progress: Progress,
    failure: Option<String>,
}

impl Rotations {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a new master key is not in use.
#[derive(Debug, thiserror::Error)]
pub enum RotateMasterKeyError {
    /// It is not allowed, or could not be written down.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The keys cannot be read again from where they came.
    #[error("the master keys cannot be read again")]
    Source(#[source] MasterKeySourceError),
}

impl Auth {
    /// Begins to seal everything with a new data key, or goes on with a rotation that was cut off. It goes on after this
    /// returns, some values at a time between all other work; [`Auth::vault_rotation`] says how far it is.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn begin_rotation(&self, admin: &Admin) -> Result<VaultRotation, AdminError> {
        self.permit(admin, Role::Owner, &Act { action: "vault.announce", dev_id: None, target: "" }).await?;
        if let Some(turn) = Turn::take(self) {
            self.announce_data_key(admin).await?;
            let admin = admin.clone();
            tokio::spawn(async move { turn.rotate(&admin).await });
        }
        Ok(self.vault_rotation().await?)
    }

    /// How far the newest rotation is.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn vault_rotation(&self) -> Result<VaultRotation, StoreError> {
        Ok(self.rotation_of(&self.data_keys().await?))
    }

    /// The keys, and how far their newest rotation is.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn vault_status(&self) -> Result<VaultStatus, StoreError> {
        let keys = self.store.read(ReadDataKeys).await?;
        let newest = keys.iter().filter(|key| key.activated_at.is_some() && is_in_use(key)).map(|key| key.number).max();
        Ok(VaultStatus {
            data_keys: keys.iter().map(|key| key.to_wire(newest)).collect(),
            master_keys: self.keys.masters().all().map(MasterKey::id).map(|id| id.to_string()).collect(),
            rotation: self.rotation_of(&keys),
        })
    }

    /// Reads the master keys again from where they came, and wraps all data keys with the current one.
    ///
    /// # Errors
    ///
    /// See [`RotateMasterKeyError`]; nothing was wrapped.
    pub async fn rotate_master_key(&self, admin: &Admin) -> Result<RotatedMasterKey, RotateMasterKeyError> {
        self.permit(admin, Role::Owner, &Act { action: "vault.rewrap", dev_id: None, target: "" }).await?;
        self.keys.read_masters_again().await.map_err(RotateMasterKeyError::Source)?;
        let rewrapped = self.rewrap_data_keys(admin).await?;
        Ok(RotatedMasterKey { master_key: self.keys.masters().current().id().to_string(), rewrapped })
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

impl DataKey {
    /// `current` seals.
    fn to_wire(&self, current: Option<u32>) -> VaultKey {
        let state = match (self.activated_at, self.retired_at) {
            _ if self.is_lost() => VaultKeyState::Lost,
            (None, _) => VaultKeyState::Announced,
            (_, Some(_)) => VaultKeyState::Retired,
            _ if self.purpose == Purpose::Marks || Some(self.number) == current => VaultKeyState::Current,
            _ => VaultKeyState::BeingReplaced,
        };
        VaultKey {
            purpose: self.purpose.as_str().to_owned(),
            number: self.number,
            state,
            master_key: self.wrapped_by.to_string(),
            created_at: self.created_at,
        }
    }
}

/// The right to rotate on this node, for one at a time, until it is dropped.
struct Turn(Auth);

impl Turn {
    fn take(auth: &Auth) -> Option<Self> {
        let mut latest = auth.rotations().latest();
        if latest.running {
            return None;
        }
        *latest = Latest { running: true, ..Latest::default() };
        Some(Self(auth.clone()))
    }

    async fn rotate(self, admin: &Admin) {
        let latest = || self.0.rotations().latest();
        let tell = |progress| latest().progress = progress;
        match self.0.rotate_to_announced(admin, NODES_HEAR_WITHIN, tell).await {
            Ok(rotated) => tracing::info!(data_key = rotated.data_key, "everything is sealed with a new data key"),
            Err(error) => {
                tracing::error!(error = %Causes(&error), "a rotation of the vault stopped");
                latest().failure = Some(told(&error));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.rotations().latest().running = false;
    }
}

/// What an operator can do something about; the rest is in the log.
fn told(error: &RotateError) -> String {
    match error {
        RotateError::Broken(_) | RotateError::Restless => error.to_string(),
        RotateError::Admin(_) | RotateError::Store(_) => "the store failed; the server's log says how".to_owned(),
    }
}
