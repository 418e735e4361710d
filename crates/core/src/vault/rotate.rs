//! A new key takes the place of an old one, while every node goes on.
//!
//! A new data key is announced, so that every node knows it before anything is sealed with it; then it is activated, then
//! all values are sealed anew, and when none is left the older keys retire. Where a rotation stands is seen from the keys and the
//! values themselves, so one that was cut off goes on from there.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::wire::admin::Role;

use super::{SealedColumn, SealedValue};
use crate::{
    admin::{Act, Admin, AdminError},
    auth::Auth,
    seal::{DataKey, KeyMaterial, Purpose, Sealed},
    store::{StoreError, Tx, Unit},
};

/// Within this time every node that runs has heard of a change of keys.
pub const NODES_HEAR_WITHIN: Duration = Duration::from_secs(2);

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Values that were looked at, those of later looks counted again.
    pub looked_at: u64,
    /// Values that were sealed anew.
    pub resealed: u64,
}

/// A rotation that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The data key that seals now.
    pub data_key: u32,
    /// What was done for it.
    pub progress: Progress,
}

/// Why a rotation did not come to its end. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// It is not allowed, or could not be written down.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Some values do not open, so the keys that they need do not retire.
    #[error("{0} sealed values do not open; everything else is sealed with the new key")]
    Broken(u64),
    /// Some node goes on sealing with an older key.
    #[error("values are still being sealed with an older key: does every node have the master key?")]
    Restless,
    /// The store failed.
    #[error("could not seal everything anew")]
    Store(#[from] StoreError),
}

/// How often everything is looked at until nothing is left to be sealed anew.
const LOOKS: u32 = 10;

impl Auth {
    /// Seals everything with a new data key, or ends a rotation that was cut off. `pause` is at least [`NODES_HEAR_WITHIN`],
    /// unless this is the only node.
    ///
    /// # Errors
    ///
    /// See [`RotateError`].
    pub async fn rotate_data_key(
        &self,
        admin: &Admin,
        pause: Duration,
        tell: impl FnMut(Progress),
    ) -> Result<Rotated, RotateError> {
        self.announce_data_key(admin).await?;
        self.rotate_to_announced(admin, pause, tell).await
    }

    /// The first step of a rotation, unless one is under way; answers the number of the new key.
    pub(super) async fn announce_data_key(&self, admin: &Admin) -> Result<u32, AdminError> {
        self.change_keys(admin, Step::Announce).await
    }

    /// All other steps.
    pub(super) async fn rotate_to_announced(
        &self,
        admin: &Admin,
        pause: Duration,
        mut tell: impl FnMut(Progress),
    ) -> Result<Rotated, RotateError> {
        tokio::time::sleep(pause).await;
        let data_key = self.change_keys(admin, Step::Activate).await?;
        tokio::time::sleep(pause).await;
        let progress = self.reseal_all(&mut tell).await?;
        self.change_keys(admin, Step::Retire).await?;
        Ok(Rotated { data_key, progress })
    }

    /// Wraps all data keys with the current master key; answers how many were not.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rewrap_data_keys(&self, admin: &Admin) -> Result<u32, AdminError> {
        let act = Act { action: "vault.rewrap", dev_id: None, target: "" };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, Rewrap { auth: self.clone() }).await
    }

    async fn change_keys(&self, admin: &Admin, step: Step) -> Result<u32, AdminError> {
        let act = Act { action: step.action(), dev_id: None, target: "" };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, ChangeKeys { auth: self.clone(), step, now: self.now() }).await
    }

    /// Looks at everything until there is nothing left that an older key has sealed.
    async fn reseal_all(&self, tell: &mut impl FnMut(Progress)) -> Result<Progress, RotateError> {
        let mut progress = Progress::default();
        for _ in 0..LOOKS {
            let found = self.reseal_once(&mut progress, tell).await?;
            if found.broken > 0 {
                return Err(RotateError::Broken(found.broken));
            }
            if found.older == 0 {
                return Ok(progress);
            }
        }
        Err(RotateError::Restless)
    }

    async fn reseal_once(&self, progress: &mut Progress, tell: &mut impl FnMut(Progress)) -> Result<Found, StoreError> {
        let mut found = Found::default();
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
        found: &mut Found,
    ) -> Result<u64, StoreError> {
        let mut pairs = Vec::new();
        for old in page.into_iter().filter(|value| self.is_older(value)) {
            if let Ok(value) = self.keys.open(old.place(column), &old.sealed) {
                let new = self.keys.seal(self.entropy.as_ref(), old.place(column), &value);
                pairs.push((old, new));
            } else {
                found.broken += 1;
            }
        }
        found.older += pairs.len() as u64;
        if pairs.is_empty() { Ok(0) } else { self.store.run(Reseal { column, pairs }).await }
    }
}

/// What a look at everything found.
#[derive(Default)]
struct Found {
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
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        let mut resealed = 0;
        for (old, new) in &self.pairs {
            // One that was changed meanwhile is newer, and sealed by whoever changed it.
            resealed += u64::from(tx.reseal(self.column, old, new).await?);
        }
        Ok(resealed)
    }
}

/// A key that seals, or did and is still needed, or will.
pub(super) fn is_in_use(key: &DataKey) -> bool {
    key.purpose == Purpose::Vault && key.retired_at.is_none()
}

/// What happens to the data keys in a rotation.
#[derive(Clone, Copy)]
enum Step {
    Announce,
    Activate,
    Retire,
}

impl Step {
    const fn action(self) -> &'static str {
        match self {
            Self::Announce => "vault.announce",
            Self::Activate => "vault.activate",
            Self::Retire => "vault.retire",
        }
    }
}

/// Takes a step, unless an earlier rotation has taken it already; answers the newest key.
struct ChangeKeys {
    auth: Auth,
    step: Step,
    now: Timestamp,
}

#[async_trait]
impl Unit for ChangeKeys {
    type Done = u32;
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, AdminError> {
        tx.bump_revision().await?; // whoever changes keys holds the revision, so that two never do it at once
        let keys = tx.data_keys().await?;
        let mut in_use: Vec<_> = keys.into_iter().filter(is_in_use).collect();
        let newest =
            in_use.pop().ok_or(AdminError::Refused("the store has no data keys; start a server on it first"))?;
        let number = newest.number;
        match self.step {
            Step::Announce if in_use.is_empty() && newest.activated_at.is_some() => {
                return self.announce(tx, number + 1).await;
            }
            Step::Activate if newest.activated_at.is_none() => {
                tx.update_data_key(&DataKey { activated_at: Some(self.now), ..newest }).await?;
            }
            Step::Retire => {
                for older in in_use {
                    tx.update_data_key(&DataKey { retired_at: Some(self.now), ..older }).await?;
                }
            }
            Step::Announce | Step::Activate => {}
        }
        Ok(number)
    }
}

impl ChangeKeys {
    async fn announce(&self, tx: &mut dyn Tx, number: u32) -> Result<u32, AdminError> {
        let (entropy, masters) = (self.auth.entropy.as_ref(), self.auth.keys.masters());
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
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, AdminError> {
        tx.bump_revision().await?;
        let (mut rewrapped, masters) = (0, self.auth.keys.masters());
        let keys = tx.data_keys().await?.into_iter().filter(|key| !key.is_lost());
        for key in keys.filter(|key| key.wrapped_by != masters.current().id()) {
            let unwrapped = masters.unwrap(&key);
            let material =
                unwrapped.map_err(|_| AdminError::Refused("a data key opens with none of the master keys"))?;
            tx.update_data_key(&masters.wrap(self.auth.entropy.as_ref(), &material, key)).await?;
            rewrapped += 1;
        }
        Ok(rewrapped)
    }
}
