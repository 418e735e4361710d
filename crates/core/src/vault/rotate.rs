//! Rotates the data key of the vault while all nodes keep running.
//!
//! 1. **Announce.** One unit adds a new data key, wrapped by the current master key. It is not active yet.
//!    - Durable: the announced key; no value is encrypted with it.
//!    - Crash: the next rotation finds the announced key and continues with step 2 instead of adding another.
//! 2. **Wait**, so that every node loads the new key. Nodes poll for changes every 400 ms; the wait is 2 s or longer,
//!    unless this is the only node.
//! 3. **Activate.** One unit activates the key. Each node encrypts with it as soon as it notices.
//!    - Durable: the active key. Older keys still decrypt.
//!    - Crash: the next rotation finds two keys in use and continues with step 4.
//! 4. **Wait**, so that no node encrypts with an older key any more.
//! 5. **Re-encrypt.** All values that an older key encrypted are read page by page (200 values) and encrypted
//!    with the new key, one unit per page. A value is replaced only if it has not changed since it was read: a
//!    concurrent writer wins, and uses the new key itself. Passes are repeated until one finds no such value,
//!    10 at most. A value that cannot be decrypted stops the rotation here, and the older keys stay in use.
//!    - Durable: the pages so far.
//!    - Crash: the next rotation reads all values again and skips those that are done.
//! 6. **Retire.** One unit retires the older keys. They remain stored, to decrypt backups and logins in progress.
//!    - Durable: the rotation is complete.
//!    - Crash before it is durable: the next rotation repeats steps 4 to 6 and finds little to do.
//!
//! Each of the three key changes is audited in its own unit. There is no separate progress record: the keys and
//! the values show how far a rotation has come.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    keys::{DataKey, KeyMaterial, Purpose, Sealed},
    store::{Tx, Unit},
    store_error::StoreError,
    vault::{SealedColumn, SealedValue},
};
use terra_auth_types::wire::admin::Role;

use crate::node::rotation::RotationProgress;
pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    auth::Auth,
};

/// The time within which every running node notices a change of keys.
pub const KEY_PROPAGATION_TIME: Duration = Duration::from_secs(2);

/// The report of a complete rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The number of the data key that encrypts now.
    pub data_key: u32,
    /// The work that was done.
    pub progress: RotationProgress,
}

/// Why a rotation did not complete. The next one continues from there.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The admin is not allowed to, or the action could not be recorded.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Some values cannot be decrypted, so the older keys are not retired.
    #[error("{0} sealed values cannot be decrypted; all others are encrypted with the new key")]
    UnreadableValues(u64),
    /// A node still encrypts with an older key.
    #[error("a node still encrypts values with an older key; check that every node has the master key")]
    OlderKeyInUse,
    /// The store failed.
    #[error("could not re-encrypt all values")]
    Store(#[from] StoreError),
}

/// The maximum number of passes until no value is left to re-encrypt.
const MAX_PASSES: u32 = 10;

impl Auth {
    /// Re-encrypts all values with a new data key, or completes an interrupted rotation. `pause` is at least
    /// [`KEY_PROPAGATION_TIME`], unless this is the only node.
    ///
    /// # Errors
    ///
    /// See [`RotateError`].
    pub async fn rotate_data_key(
        &self,
        admin: &Admin,
        pause: Duration,
        tell: impl FnMut(RotationProgress),
    ) -> Result<Rotated, RotateError> {
        self.announce_data_key(admin).await?;
        self.rotate_to_announced(admin, pause, tell).await
    }

    /// Step 1, unless a rotation is in progress; returns the number of the new key.
    pub(super) async fn announce_data_key(&self, admin: &Admin) -> Result<u32, AdminError> {
        self.change_keys(admin, RotationStep::Announce).await
    }

    /// Steps 2 to 6.
    pub(super) async fn rotate_to_announced(
        &self,
        admin: &Admin,
        pause: Duration,
        mut tell: impl FnMut(RotationProgress),
    ) -> Result<Rotated, RotateError> {
        tokio::time::sleep(pause).await;
        let data_key = self.change_keys(admin, RotationStep::Activate).await?;
        tokio::time::sleep(pause).await;
        let progress = self.reseal_all(&mut tell).await?;
        self.change_keys(admin, RotationStep::Retire).await?;
        Ok(Rotated { data_key, progress })
    }

    /// Wraps all data keys with the current master key; returns how many were wrapped by another one.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rewrap_data_keys(&self, admin: &Admin) -> Result<u32, AdminError> {
        let act = AuditedAction { action: "vault.rewrap", dev_id: None, target: "" };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, Rewrap { auth: self.clone() }).await
    }

    async fn change_keys(&self, admin: &Admin, step: RotationStep) -> Result<u32, AdminError> {
        let act = AuditedAction { action: step.action(), dev_id: None, target: "" };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, ChangeKeys { auth: self.clone(), step, now: self.now() }).await
    }

    /// Step 5: passes over all values until none is left that an older key encrypted.
    async fn reseal_all(&self, tell: &mut impl FnMut(RotationProgress)) -> Result<RotationProgress, RotateError> {
        let mut progress = RotationProgress::default();
        for _ in 0..MAX_PASSES {
            let found = self.reseal_once(&mut progress, tell).await?;
            if found.broken > 0 {
                return Err(RotateError::UnreadableValues(found.broken));
            }
            if found.older == 0 {
                return Ok(progress);
            }
        }
        Err(RotateError::OlderKeyInUse)
    }

    async fn reseal_once(
        &self,
        progress: &mut RotationProgress,
        tell: &mut impl FnMut(RotationProgress),
    ) -> Result<StaleValues, StoreError> {
        let mut found = StaleValues::default();
        for column in SealedColumn::ALL {
            let mut page = self.sealed_values(column, None).await?;
            while let Some(last) = page.last().cloned() {
                progress.looked_at += page.len() as u64;
                progress.resealed += self.reseal_page(column, page, &mut found).await?;
                tell(*progress);
                page = self.sealed_values(column, Some(last)).await?;
            }
        }
        Ok(found)
    }

    async fn reseal_page(
        &self,
        column: SealedColumn,
        page: Vec<SealedValue>,
        found: &mut StaleValues,
    ) -> Result<u64, StoreError> {
        let mut pairs = Vec::new();
        for old in page.into_iter().filter(|value| self.is_older(value)) {
            if let Ok(value) = self.keys().open(old.seal_context(column), &old.sealed) {
                let new = self.keys().seal(self.entropy().as_ref(), old.seal_context(column), &value);
                pairs.push((old, new));
            } else {
                found.broken += 1;
            }
        }
        found.older += pairs.len() as u64;
        if pairs.is_empty() { Ok(0) } else { self.store().run(Reseal { column, pairs }).await }
    }
}

/// The result of one pass.
#[derive(Default)]
struct StaleValues {
    older: u64,
    broken: u64,
}

struct Reseal {
    column: SealedColumn,
    pairs: Vec<(SealedValue, Sealed)>,
}

#[async_trait]
impl Unit for Reseal {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        let mut resealed = 0;
        for (old, new) in &self.pairs {
            // A value that has changed since it was read is newer, and its writer has encrypted it.
            resealed += u64::from(tx.reseal(self.column, old, new).await?);
        }
        Ok(resealed)
    }
}

/// Whether a vault key encrypts, decrypts or is announced: whether it has not retired.
pub(super) fn is_in_use(key: &DataKey) -> bool {
    key.purpose == Purpose::Vault && key.retired_at.is_none()
}

/// A change of the data keys during a rotation.
#[derive(Clone, Copy)]
enum RotationStep {
    Announce,
    Activate,
    Retire,
}

impl RotationStep {
    const fn action(self) -> &'static str {
        match self {
            Self::Announce => "vault.announce",
            Self::Activate => "vault.activate",
            Self::Retire => "vault.retire",
        }
    }
}

/// Makes the change unless an earlier rotation has made it; returns the number of the newest key.
struct ChangeKeys {
    auth: Auth,
    step: RotationStep,
    now: Timestamp,
}

#[async_trait]
impl Unit for ChangeKeys {
    type Done = u32;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, AdminError> {
        tx.bump_revision().await?; // locks the revision row: key changes never run concurrently
        let keys = tx.data_keys().await?;
        let mut in_use: Vec<_> = keys.into_iter().filter(is_in_use).collect();
        let newest =
            in_use.pop().ok_or(AdminError::Conflict("the store has no data keys; start a server on it first"))?;
        let number = newest.number;
        match self.step {
            RotationStep::Announce if in_use.is_empty() && newest.activated_at.is_some() => {
                return self.announce(tx, number + 1).await;
            }
            RotationStep::Activate if newest.activated_at.is_none() => {
                tx.update_data_key(&DataKey { activated_at: Some(self.now), ..newest }).await?;
            }
            RotationStep::Retire => {
                for older in in_use {
                    tx.update_data_key(&DataKey { retired_at: Some(self.now), ..older }).await?;
                }
            }
            RotationStep::Announce | RotationStep::Activate => {}
        }
        Ok(number)
    }
}

impl ChangeKeys {
    async fn announce(&self, tx: &mut dyn Tx, number: u32) -> Result<u32, AdminError> {
        let (entropy, masters) = (self.auth.entropy().as_ref(), self.auth.keys().master_keys());
        let row = DataKey::new(Purpose::Vault, number, self.now, None);
        tx.add_data_key(&masters.wrap(entropy, &KeyMaterial::new(entropy.bytes()), row)).await?;
        Ok(number)
    }
}

struct Rewrap {
    auth: Auth,
}

#[async_trait]
impl Unit for Rewrap {
    type Done = u32;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, AdminError> {
        tx.bump_revision().await?;
        let (mut rewrapped, masters) = (0, self.auth.keys().master_keys());
        let keys = tx.data_keys().await?.into_iter().filter(|key| !key.is_lost());
        for key in keys.filter(|key| key.wrapped_by != masters.current().id()) {
            let unwrapped = masters.unwrap(&key);
            let material =
                unwrapped.map_err(|_| AdminError::Conflict("none of the master keys unwraps one of the data keys"))?;
            tx.update_data_key(&masters.wrap(self.auth.entropy().as_ref(), &material, key)).await?;
            rewrapped += 1;
        }
        Ok(rewrapped)
    }
}
