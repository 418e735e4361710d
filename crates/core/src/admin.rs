//! Administration of the server: admin tokens, and the steps of every administrative action.
//!
//! An action checks the admin's role, makes its change and appends its audit entry.

pub mod action;
mod unknown_caller;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    developer::Developer,
    digest::{KeyDigest, sha256},
    lock::Lock,
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{
    AdminToken, DevId,
    wire::admin::{AdminTokenInfo, CreateAdminToken, IssuedAdminToken, Role},
};
use uuid::Uuid;

use crate::{
    admin::action::{Admin, AdminError, AuditedAction, check_name, days_of},
    audit::{Audited, PendingAuditEntry},
    auth::Auth,
    node::directory::NotAuthenticated,
};

/// The maximum number of valid admin tokens.
const MAX_ADMIN_TOKENS: usize = 100;
const DEFAULT_TOKEN_LIFETIME_DAYS: u32 = 30;
const MAX_TOKEN_LIFETIME_DAYS: u32 = 365;

impl Auth {
    /// Returns the admin that a token belongs to; `None` if the token is unknown or has expired.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated::Stale`] only.
    pub fn authenticate_admin(
        &self,
        token: &AdminToken,
        origin: Option<String>,
    ) -> Result<Option<Admin>, NotAuthenticated> {
        self.directory().check_fresh()?;
        let digest = KeyDigest(sha256(token.expose().as_bytes()));
        let record = self.directory().admin_token(&digest).filter(|record| record.is_valid(self.now()));
        Ok(record.map(|record| Admin { name: record.name, id: Some(record.token_id), role: record.role, origin }))
    }

    /// Creates an owner token if there is no valid one. It never expires: replace it with named tokens.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn bootstrap_admin(&self) -> Result<Option<IssuedAdminToken>, AdminError> {
        let admin = Admin::local("bootstrap");
        let (record, token) = self.new_admin_token("bootstrap", Role::Owner, None);
        let issued = IssuedAdminToken { token, info: record.to_wire() };
        let target = format!("{} bootstrap", record.token_id);
        let act = AuditedAction { action: "admin_token.create", dev_id: None, target: &target };
        match self.administer(&admin, &act, AddAdminToken { record, only_first: true }).await {
            Ok(()) => Ok(Some(issued)),
            Err(AdminError::Conflict(_)) => {
                self.reload().await?; // another node may have just created it
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns whether the only valid token is the one from [`Auth::bootstrap_admin`].
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn has_only_the_first_admin_token(&self) -> Result<bool, StoreError> {
        let (tokens, now) = (self.store().read(ReadAdminTokens {}).await?, self.now());
        let mut working = tokens.iter().filter(|token| token.is_valid(now));
        Ok(working.next().is_some_and(|token| token.name == "bootstrap") && working.next().is_none())
    }

    /// Creates a named admin token.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_admin_token(
        &self,
        admin: &Admin,
        new: &CreateAdminToken,
    ) -> Result<IssuedAdminToken, AdminError> {
        let act = AuditedAction { action: "admin_token.create", dev_id: None, target: &new.name };
        self.permit(admin, Role::Owner, &act).await?;
        check_name(&new.name)?;
        let days = new.expires_in_days.unwrap_or(DEFAULT_TOKEN_LIFETIME_DAYS);
        if !(1..=MAX_TOKEN_LIFETIME_DAYS).contains(&days) {
            return Err(AdminError::Invalid("expires_in_days: 1 to 365"));
        }
        let (record, token) = self.new_admin_token(&new.name, new.role, Some(self.now() + days_of(days)));
        let target = format!("{} {}", record.token_id, record.name);
        let act = AuditedAction { target: &target, ..act };
        let issued = IssuedAdminToken { token, info: record.to_wire() };
        self.administer(admin, &act, AddAdminToken { record, only_first: false }).await?;
        Ok(issued)
    }

    /// Lists all admin tokens.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_admin_tokens(&self, admin: &Admin) -> Result<Vec<AdminTokenInfo>, AdminError> {
        self.permit(admin, Role::Owner, &AuditedAction { action: "admin_token.list", dev_id: None, target: "" })
            .await?;
        let tokens = self.store().read(ReadAdminTokens {}).await?;
        Ok(tokens.iter().map(AdminTokenRecord::to_wire).collect())
    }

    /// Revokes an admin token immediately.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn revoke_admin_token(&self, admin: &Admin, token_id: Uuid) -> Result<(), AdminError> {
        let target = token_id.to_string();
        let act = AuditedAction { action: "admin_token.revoke", dev_id: None, target: &target };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, RemoveAdminToken { token_id, now: self.now() }).await
    }

    /// Rejects an action that the admin's role does not allow, and audits the rejection.
    pub(crate) async fn permit(&self, admin: &Admin, needs: Role, act: &AuditedAction<'_>) -> Result<(), AdminError> {
        if admin.role >= needs {
            return Ok(());
        }
        self.record_denied(admin, act).await?;
        Err(AdminError::Forbidden { needs: needs.as_str(), has: admin.role.as_str() })
    }

    /// Runs an administrative action in one unit of work: the change, its audit entry, and the new revision that
    /// makes other nodes read the directory again.
    pub(crate) async fn administer<U>(
        &self,
        admin: &Admin,
        act: &AuditedAction<'_>,
        unit: U,
    ) -> Result<U::Done, AdminError>
    where
        U: Unit<Error = AdminError>,
    {
        let draft = PendingAuditEntry::new(self, admin, act, true);
        let done =
            self.store().run_once(self.receipt(), Audited { unit: WithRevisionBump(unit), entry: draft }).await?;
        self.reload().await?;
        Ok(done)
    }

    /// Returns an environment that is not being deleted.
    pub(crate) fn require_environment(&self, dev_id: &DevId) -> Result<std::sync::Arc<Developer>, AdminError> {
        self.directory().developer(dev_id).ok_or(AdminError::UnknownEnvironment)
    }

    fn new_admin_token(&self, name: &str, role: Role, expires_at: Option<Timestamp>) -> (AdminTokenRecord, AdminToken) {
        let text = format!("ta_admin_{}", hex::encode(self.entropy().bytes::<32>()));
        let record = AdminTokenRecord {
            token_id: self.entropy().id(),
            name: name.to_owned(),
            role,
            digest: KeyDigest(sha256(text.as_bytes())),
            created_at: self.now(),
            expires_at,
        };
        (record, AdminToken::from(text))
    }
}

/// Runs a unit and raises the directory's revision, so every node reads the directory again.
struct WithRevisionBump<U>(U);

#[async_trait]
impl<U: Unit> Unit for WithRevisionBump<U> {
    type Done = U::Done;
    type Error = U::Error;

    async fn run(&self, tx: &mut dyn Tx) -> Result<U::Done, U::Error> {
        let done = self.0.run(tx).await?;
        tx.bump_revision().await?;
        Ok(done)
    }
}

struct AddAdminToken {
    record: AdminTokenRecord,
    only_first: bool,
}

#[async_trait]
impl Unit for AddAdminToken {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if self.only_first {
            tx.lock(Lock::Provisioning).await?;
        }
        let tokens = tx.admin_tokens().await?;
        let now = self.record.created_at;
        if self.only_first && tokens.iter().any(|token| token.is_owner(now)) {
            return Err(AdminError::Conflict("a valid owner token already exists"));
        }
        if tokens.iter().filter(|token| token.is_valid(now)).count() >= MAX_ADMIN_TOKENS {
            return Err(AdminError::TooMany("there are 100 admin tokens; revoke some first"));
        }
        Ok(tx.add_admin_token(&self.record).await?)
    }
}

struct RemoveAdminToken {
    token_id: Uuid,
    now: Timestamp,
}

#[async_trait]
impl Unit for RemoveAdminToken {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if !tx.remove_admin_token(self.token_id).await? {
            return Err(AdminError::NotFound("no such admin token"));
        }
        if tx.admin_tokens().await?.iter().any(|token| token.is_owner(self.now)) {
            Ok(())
        } else {
            Err(AdminError::Conflict("this is the last owner token; create another owner token first"))
        }
    }
}

unit!(ReadAdminTokens() -> Vec<AdminTokenRecord> = |tx| tx.admin_tokens());
