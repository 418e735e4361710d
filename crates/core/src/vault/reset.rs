//! After the master key is lost: what it sealed is forgotten, and everything else stays.
//!
//! First the new keys are there and the old ones are lost, in one unit; then every value that does not open is forgotten,
//! some at a time; then the lost keys retire. Until then no server starts. Where a reset stands is seen from the keys and the
//! values themselves, so one that was cut off goes on from there.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, Provider, UserId, wire::admin::Role};

use super::{SealedColumn, SealedValue};
use crate::{
    admin::{Act, Admin, AdminError},
    audit::{AuditHead, Draft, Remark},
    auth::Auth,
    delivery::Delivery,
    event::error_event,
    row_mark::Unproven,
    seal::DataKey,
    store::{StoreError, Tx, Unit},
};

/// What a reset has forgotten so far, since it last began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Values that were looked at, those of later looks counted again.
    pub looked_at: u64,
    /// Values that are gone.
    pub values: u64,
    /// Connections among them, whose end users must connect again.
    pub connections: u64,
    /// Grants among them that can no longer be revoked at their providers.
    pub revocations: u64,
}

/// A reset that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// What was forgotten since it last began.
    pub forgotten: Forgotten,
    /// The environments that have a new signing secret since the master key was replaced.
    pub signing_secrets: Vec<DevId>,
    /// The apps whose secrets are gone since then.
    pub apps: Vec<(DevId, Provider)>,
}

/// Why a reset did not come to its end. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ResetVaultError {
    /// It is not allowed, or could not be written down.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Some node goes on sealing with a lost key.
    #[error("values are still being sealed with a lost key")]
    Restless,
    /// The store failed.
    #[error("could not forget what is lost")]
    Store(#[from] StoreError),
}

/// How often everything is looked at until all opens.
const LOOKS: u32 = 10;

/// The acts of which a reset reads again what it has done.
pub(crate) const RESET: &str = "vault.reset";
const NEW_SIGNING_SECRET: &str = "vault.new_signing_secret";
const NO_APP_SECRET: &str = "vault.no_app_secret";

impl Auth {
    /// Puts new keys in the place of lost ones, which are those of [`KeyRing::instead_of_lost`], and forgets what does not
    /// open, or ends a reset that was cut off. `pause` is at least [`NODES_HEAR_WITHIN`], unless this is the only node.
    ///
    /// # Errors
    ///
    /// See [`ResetVaultError`].
    ///
    /// [`KeyRing::instead_of_lost`]: crate::seal::KeyRing::instead_of_lost
    /// [`NODES_HEAR_WITHIN`]: super::NODES_HEAR_WITHIN
    pub async fn reset_vault(
        &self,
        admin: &Admin,
        keys: Vec<DataKey>,
        pause: Duration,
        mut tell: impl FnMut(Forgotten),
    ) -> Result<Reset, ResetVaultError> {
        if !keys.is_empty() {
            self.begin_reset(admin, keys).await?;
        }
        self.reload().await?;
        tokio::time::sleep(pause).await;
        let forgotten = self.forget_all(admin, &mut tell).await?;
        let target = format!("{} values", forgotten.values);
        let act = Act { action: "vault.reset_done", dev_id: None, target: &target };
        self.administer(admin, &act, Retire { now: self.now() }).await?;
        self.told_since_reset(forgotten).await
    }

    /// The line about it ends what an earlier key has marked: it holds a digest of all lines before.
    async fn begin_reset(&self, admin: &Admin, keys: Vec<DataKey>) -> Result<(), AdminError> {
        let (head, digest) = self.audit_so_far().await?;
        let act = Act { action: RESET, dev_id: None, target: &digest };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, Begin { keys, head }).await
    }

    async fn forget_all(&self, admin: &Admin, tell: &mut impl FnMut(Forgotten)) -> Result<Forgotten, ResetVaultError> {
        let mut forgotten = Forgotten::default();
        for _ in 0..LOOKS {
            if !self.forget_once(admin, &mut forgotten, tell).await? {
                return Ok(forgotten);
            }
        }
        Err(ResetVaultError::Restless)
    }

    /// Answers whether something did not open.
    async fn forget_once(
        &self,
        admin: &Admin,
        forgotten: &mut Forgotten,
        tell: &mut impl FnMut(Forgotten),
    ) -> Result<bool, StoreError> {
        let mut found = false;
        for column in SealedColumn::ALL {
            let mut page = self.sealed_values(column, None).await?;
            while let Some(last) = page.last().cloned() {
                forgotten.looked_at += page.len() as u64;
                page.retain(|value| self.keys.open(value.place(column), &value.sealed).is_err());
                if !page.is_empty() {
                    found = true;
                    let unit =
                        Forget { auth: self.clone(), admin: admin.clone(), column, values: page, now: self.now() };
                    forgotten.count(column, self.store.run(unit).await?);
                }
                tell(*forgotten);
                page = self.sealed_values(column, Some(last)).await?;
            }
        }
        Ok(found)
    }

    /// What must be made anew is read from the audit log, as an earlier run may have found it.
    async fn told_since_reset(&self, forgotten: Forgotten) -> Result<Reset, ResetVaultError> {
        let mut reset = Reset { forgotten, signing_secrets: Vec::new(), apps: Vec::new() };
        let mut next = Some(0);
        while let Some(after) = next {
            let page = self.audit_page(after, u32::MAX).await?;
            for entry in page.entries {
                match (&*entry.action, entry.dev_id, entry.target.parse()) {
                    (RESET, ..) => (reset.signing_secrets, reset.apps) = Default::default(),
                    (NEW_SIGNING_SECRET, Some(dev_id), _) => reset.signing_secrets.push(dev_id),
                    (NO_APP_SECRET, Some(dev_id), Ok(provider)) => reset.apps.push((dev_id, provider)),
                    _ => {}
                }
            }
            next = page.next;
        }
        Ok(reset)
    }
}

impl Forgotten {
    const fn count(&mut self, column: SealedColumn, values: u64) {
        self.values += values;
        match column {
            SealedColumn::Grant => self.connections += values,
            SealedColumn::OwedGrant => self.revocations += values,
            SealedColumn::SigningSecret
            | SealedColumn::RetiringSecret
            | SealedColumn::AppSecret
            | SealedColumn::PreviousAppSecret => {}
        }
    }
}

struct Begin {
    keys: Vec<DataKey>,
    head: AuditHead,
}

const MEANWHILE: AdminError =
    AdminError::Refused("somebody else works with this store; end every server, and try again");

#[async_trait]
impl Unit for Begin {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        tx.bump_revision().await?; // whoever changes keys holds the revision, so that two never do it at once
        let there = tx.data_keys().await?;
        let is_as_it_was = |lost: &DataKey| there.iter().any(|key| is_same(key, lost));
        let mut lost = self.keys.iter().filter(|key| key.is_lost());
        if tx.hold_audit_head().await? != self.head || !lost.all(is_as_it_was) {
            return Err(MEANWHILE);
        }
        for key in &self.keys {
            let done = if key.is_lost() { tx.update_data_key(key).await? } else { tx.add_data_key(key).await? };
            if !done {
                return Err(MEANWHILE);
            }
        }
        // The key that marked the rows is lost too: they are taken as they are.
        tx.mark_rows(Unproven::All).await?;
        Ok(())
    }
}

/// Whether nobody has wrapped a key anew since it was found to be lost.
fn is_same(key: &DataKey, lost: &DataKey) -> bool {
    let name = |key: &DataKey| (key.purpose, key.number, key.wrapped_by);
    name(key) == name(lost) && !key.is_lost()
}

/// Forgets some values of a column, unless somebody has changed them meanwhile; answers how many.
struct Forget {
    auth: Auth,
    admin: Admin,
    column: SealedColumn,
    values: Vec<SealedValue>,
    now: Timestamp,
}

#[async_trait]
impl Unit for Forget {
    type Done = u64;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for value in &self.values {
            let done = match self.column {
                SealedColumn::Grant => self.grant(tx, value).await?,
                SealedColumn::SigningSecret => self.signing_secret(tx, value).await?,
                SealedColumn::AppSecret => self.app_secret(tx, value).await?,
                SealedColumn::OwedGrant | SealedColumn::RetiringSecret | SealedColumn::PreviousAppSecret => {
                    tx.forget_sealed(self.column, value, self.now).await?
                }
            };
            forgotten += u64::from(done);
        }
        Ok(forgotten)
    }
}

impl Forget {
    /// The app hears of it as of any connection that needs its end user, unless it has heard so before.
    async fn grant(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let user_id = UserId(value.row.parse().map_err(unreadable)?);
        let Some(mut connection) = tx.connection(&value.dev_id, user_id).await? else { return Ok(false) };
        let done = tx.forget_sealed(self.column, value, self.now).await?;
        if done && std::mem::replace(&mut connection.active, false) {
            let event = error_event(&connection, "The end user must connect again");
            let delivery = Delivery::new(self.auth.delivery_id(), &value.dev_id, &event, self.now);
            tx.add_delivery(&delivery).await?;
        }
        Ok(done)
    }

    async fn signing_secret(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let (_, sealed) = self.auth.draw_signing_secret(&value.dev_id);
        let done = tx.reseal(self.column, value, &sealed).await?;
        if done {
            self.remark(tx, NEW_SIGNING_SECRET, &value.dev_id, "").await?;
        }
        Ok(done)
    }

    async fn app_secret(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let provider = value.row.parse().map_err(unreadable)?;
        let found = tx.provider_app(&value.dev_id, &provider).await?;
        let Some(mut app) = found.filter(|app| app.secret.sealed == value.sealed) else { return Ok(false) };
        app.secret = self.auth.no_app_secret(&app);
        tx.put_provider_app(&app).await?;
        self.remark(tx, NO_APP_SECRET, &value.dev_id, provider.as_str()).await?;
        Ok(true)
    }

    async fn remark(
        &self,
        tx: &mut dyn Tx,
        action: &'static str,
        dev_id: &DevId,
        target: &str,
    ) -> Result<(), StoreError> {
        let act = Act { action, dev_id: Some(dev_id), target };
        Remark(Draft::new(&self.auth, &self.admin, &act, true)).run(tx).await
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Engine(Box::new(error))
}

/// Ends the reset: nothing is left of what the lost keys have sealed.
struct Retire {
    now: Timestamp,
}

#[async_trait]
impl Unit for Retire {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        tx.bump_revision().await?;
        for key in tx.data_keys().await?.into_iter().filter(DataKey::is_lost) {
            let retired_at = key.retired_at.or(Some(self.now));
            tx.update_data_key(&DataKey { retired_at, ..key }).await?;
        }
        Ok(())
    }
}
