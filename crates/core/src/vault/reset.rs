//! Resets the vault after the master key is lost: discards the values that cannot be decrypted, and leaves
//! everything else.
//!
//! 1. **Begin.** One unit adds the new data keys, empties the lost ones, computes new MACs for all rows as they
//!    are, and adds an audit entry with a digest of all earlier entries.
//!    - Durable: the new keys. No server starts from now on, and a running one stops.
//!    - Crash before it is durable: nothing has changed. After it: the next reset continues with step 2.
//! 2. **Wait** until every running node has noticed the change. Nothing is written.
//! 3. **Discard.** Every value that cannot be decrypted is discarded or replaced, page by page. Each page and
//!    its events are one unit. Passes are repeated until one finds nothing, 10 at most.
//!    - Durable: the pages so far.
//!    - Crash: the next reset continues. Values that were discarded are not found again.
//! 4. **Retire.** One unit retires the lost keys and adds the audit entry about the end.
//!    - Durable: the reset is complete, and servers start again.
//!    - Crash after it: only the report to the operator is missing.
//!
//! There is no separate progress record: the keys and the values show how far a reset has come.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    audit::AuditHead,
    event::EventRecord,
    keys::DataKey,
    row_mac::RowsToMac,
    store::{Tx, Unit},
    store_error::StoreError,
    vault::{SealedColumn, SealedValue},
};
use terra_auth_types::{DevId, Provider, UserId, wire::admin::Role};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
    event::{error_event, publish},
};

/// The values that a reset has discarded since it last began or continued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetProgress {
    /// The number of values that were read; a value counts again in each pass.
    pub looked_at: u64,
    /// The number of discarded values.
    pub values: u64,
    /// The connections among them. Their end users must connect again.
    pub connections: u64,
    /// The pending revocations among them. These grants cannot be revoked any more.
    pub revocations: u64,
}

/// The report of a complete reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The values that were discarded since it last began or continued.
    pub discarded: ResetProgress,
    /// The environments that got a new signing secret since the first step.
    pub signing_secrets: Vec<DevId>,
    /// The apps that lost their secret since the first step.
    pub apps: Vec<(DevId, Provider)>,
}

/// Why a reset did not complete. The next one continues from there.
#[derive(Debug, thiserror::Error)]
pub enum ResetVaultError {
    /// The admin is not allowed to, or the action could not be recorded.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A node still encrypts with a lost key.
    #[error("a node still encrypts values with a lost key")]
    LostKeyInUse,
    /// The store failed.
    #[error("could not discard the lost values")]
    Store(#[from] StoreError),
}

/// The maximum number of passes until all values can be decrypted.
const MAX_PASSES: u32 = 10;
/// The audit actions from which a reset reads what an earlier run has done.
pub(crate) const RESET_ACTION: &str = "vault.reset";
const NEW_SIGNING_SECRET: &str = "vault.new_signing_secret";
const NO_APP_SECRET: &str = "vault.no_app_secret";

impl Auth {
    /// Replaces lost keys with those of [`KeyRing::replace_lost_keys`] and discards the values that cannot be
    /// decrypted, or completes an interrupted reset. `pause` is at least [`NODES_HEAR_WITHIN`], unless this is
    /// the only node.
    ///
    /// # Errors
    ///
    /// See [`ResetVaultError`].
    ///
    /// [`KeyRing::replace_lost_keys`]: terra_auth_model::keys::KeyRing::replace_lost_keys
    /// [`NODES_HEAR_WITHIN`]: super::rotate::KEY_PROPAGATION_TIME
    pub async fn reset_vault(
        &self,
        admin: &Admin,
        keys: Vec<DataKey>,
        pause: Duration,
        mut tell: impl FnMut(ResetProgress),
    ) -> Result<Reset, ResetVaultError> {
        if !keys.is_empty() {
            self.begin_reset(admin, keys).await?;
        }
        self.reload().await?;
        tokio::time::sleep(pause).await;
        let forgotten = self.discard_all(admin, &mut tell).await?;
        let target = format!("{} values", forgotten.values);
        let act = AuditedAction { action: "vault.reset_done", dev_id: None, target: &target };
        self.administer(admin, &act, RetireKeys { now: self.now() }).await?;
        self.reset_report(forgotten).await
    }

    /// The audit entry of this step closes the part of the log that the lost key protects: it contains a digest
    /// of all earlier entries.
    async fn begin_reset(&self, admin: &Admin, keys: Vec<DataKey>) -> Result<(), AdminError> {
        let (head, digest) = self.audit_head_digest().await?;
        let act = AuditedAction { action: RESET_ACTION, dev_id: None, target: &digest };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, BeginReset { keys, head }).await
    }

    async fn discard_all(
        &self,
        admin: &Admin,
        tell: &mut impl FnMut(ResetProgress),
    ) -> Result<ResetProgress, ResetVaultError> {
        let mut forgotten = ResetProgress::default();
        for _ in 0..MAX_PASSES {
            if !self.discard_pass(admin, &mut forgotten, tell).await? {
                return Ok(forgotten);
            }
        }
        Err(ResetVaultError::LostKeyInUse)
    }

    /// Returns whether a value could not be decrypted.
    async fn discard_pass(
        &self,
        admin: &Admin,
        forgotten: &mut ResetProgress,
        tell: &mut impl FnMut(ResetProgress),
    ) -> Result<bool, StoreError> {
        let mut found = false;
        for column in SealedColumn::ALL {
            let mut page = self.sealed_values(column, None).await?;
            while let Some(last) = page.last().cloned() {
                forgotten.looked_at += page.len() as u64;
                page.retain(|value| self.keys().open(value.seal_context(column), &value.sealed).is_err());
                if !page.is_empty() {
                    found = true;
                    let unit =
                        DiscardPage { auth: self.clone(), admin: admin.clone(), column, values: page, now: self.now() };
                    forgotten.count(column, self.store().run(unit).await?);
                }
                tell(*forgotten);
                page = self.sealed_values(column, Some(last)).await?;
            }
        }
        Ok(found)
    }

    /// Reads from the audit log which secrets the operator must set again, including those that an earlier run
    /// has found.
    async fn reset_report(&self, forgotten: ResetProgress) -> Result<Reset, ResetVaultError> {
        let mut reset = Reset { discarded: forgotten, signing_secrets: Vec::new(), apps: Vec::new() };
        let mut next = Some(0);
        while let Some(after) = next {
            let page = self.audit_page(after, u32::MAX).await?;
            for entry in page.entries {
                match (&*entry.action, entry.dev_id, entry.target.parse()) {
                    (RESET_ACTION, ..) => (reset.signing_secrets, reset.apps) = Default::default(),
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

impl ResetProgress {
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

struct BeginReset {
    keys: Vec<DataKey>,
    head: AuditHead,
}

const CONCURRENT_CHANGE: AdminError =
    AdminError::Conflict("another process has changed this store; stop every server and try again");

#[async_trait]
impl Unit for BeginReset {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        tx.bump_revision().await?; // locks the revision row: key changes never run concurrently
        let there = tx.data_keys().await?;
        let is_as_it_was = |lost: &DataKey| there.iter().any(|key| is_same(key, lost));
        let mut lost = self.keys.iter().filter(|key| key.is_lost());
        if tx.lock_audit_head().await? != self.head || !lost.all(is_as_it_was) {
            return Err(CONCURRENT_CHANGE);
        }
        for key in &self.keys {
            let done = if key.is_lost() { tx.update_data_key(key).await? } else { tx.add_data_key(key).await? };
            if !done {
                return Err(CONCURRENT_CHANGE);
            }
        }
        // The MAC key is lost too, so the rows are trusted as they are.
        tx.write_row_macs(RowsToMac::All).await?;
        Ok(())
    }
}

/// Whether the stored key is the one that was found to be lost, and has not been rewrapped since.
fn is_same(key: &DataKey, lost: &DataKey) -> bool {
    let name = |key: &DataKey| (key.purpose, key.number, key.wrapped_by);
    name(key) == name(lost) && !key.is_lost()
}

/// Discards values of a column that have not changed since they were read; returns how many.
struct DiscardPage {
    auth: Auth,
    admin: Admin,
    column: SealedColumn,
    values: Vec<SealedValue>,
    now: Timestamp,
}

#[async_trait]
impl Unit for DiscardPage {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for value in &self.values {
            let done = match self.column {
                SealedColumn::Grant => self.grant(tx, value).await?,
                SealedColumn::SigningSecret => self.signing_secret(tx, value).await?,
                SealedColumn::AppSecret => self.app_secret(tx, value).await?,
                SealedColumn::OwedGrant | SealedColumn::RetiringSecret | SealedColumn::PreviousAppSecret => {
                    tx.discard_sealed(self.column, value, self.now).await?
                }
            };
            forgotten += u64::from(done);
        }
        Ok(forgotten)
    }
}

impl DiscardPage {
    /// Tells the app that the end user must connect again, unless the connection was inactive already.
    async fn grant(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let user_id = UserId(value.row.parse().map_err(unreadable)?);
        let Some(mut connection) = tx.connection(&value.dev_id, user_id).await? else { return Ok(false) };
        let done = tx.discard_sealed(self.column, value, self.now).await?;
        if done && std::mem::replace(&mut connection.active, false) {
            let event = error_event(&connection, "The end user must connect again");
            publish(tx, &EventRecord::new(self.auth.new_event_id(), &value.dev_id, &event, self.now)).await?;
        }
        Ok(done)
    }

    async fn signing_secret(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let (_, sealed) = self.auth.new_signing_secret(&value.dev_id);
        let done = tx.reseal(self.column, value, &sealed).await?;
        if done {
            self.record_audit_entry(tx, NEW_SIGNING_SECRET, &value.dev_id, "").await?;
        }
        Ok(done)
    }

    async fn app_secret(&self, tx: &mut dyn Tx, value: &SealedValue) -> Result<bool, StoreError> {
        let provider = value.row.parse().map_err(unreadable)?;
        let found = tx.provider_app(&value.dev_id, &provider).await?;
        let Some(mut app) = found.filter(|app| app.secret.sealed == value.sealed) else { return Ok(false) };
        app.secret = self.auth.placeholder_app_secret(&app);
        tx.put_provider_app(&app).await?;
        self.record_audit_entry(tx, NO_APP_SECRET, &value.dev_id, provider.as_str()).await?;
        Ok(true)
    }

    async fn record_audit_entry(
        &self,
        tx: &mut dyn Tx,
        action: &'static str,
        dev_id: &DevId,
        target: &str,
    ) -> Result<(), StoreError> {
        let act = AuditedAction { action, dev_id: Some(dev_id), target };
        AppendAuditEntry(PendingAuditEntry::new(&self.auth, &self.admin, &act, true)).run(tx).await
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Engine(Box::new(error))
}

/// Retires the lost keys, once no value needs them any more.
struct RetireKeys {
    now: Timestamp,
}

#[async_trait]
impl Unit for RetireKeys {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        tx.bump_revision().await?;
        for key in tx.data_keys().await?.into_iter().filter(DataKey::is_lost) {
            let retired_at = key.retired_at.or(Some(self.now));
            tx.update_data_key(&DataKey { retired_at, ..key }).await?;
        }
        Ok(())
    }
}
