//! Imports existing grants from another system.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    connection::{Connection, MAX_ACCOUNT_BYTES},
    developer::{Developer, EnvironmentStatus},
    event::EventRecord,
    provider::{Connects, Tokens},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{
    DevId, ProviderToken, UserId,
    wire::admin::{ImportConnections, ImportedConnections, PortableConnection, RefusedConnection, Role},
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
    event::{auth_event, publish},
};

/// The maximum number of connections in one import.
const MAX_CONNECTIONS: usize = 500;
/// The maximum length of a token in bytes.
const MAX_PROVIDER_TOKEN_BYTES: usize = 16 << 10;
/// The maximum length of the scopes of a row.
const MAX_SCOPES_BYTES: usize = 4096;
const ACTION: &str = "connections.import";

/// Why a connection was not imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NotImported {
    #[error("provider: unknown, or not enabled in this environment")]
    UnknownProvider,
    #[error("provider: connects on the device, so there is nothing to import")]
    OnDevice,
    #[error("account: 1 to 512 bytes of text")]
    Account,
    #[error("scopes: at most 4096 bytes of text")]
    Scopes,
    #[error("access_token: missing")]
    NoAccessToken,
    #[error("{0}: 1 to 16384 visible ASCII characters")]
    Token(&'static str),
    #[error("created_at: in the future")]
    CreatedInFuture,
    #[error("user_id: used by another connection, or all zeros")]
    UserId,
    #[error("the environment's user limit is reached")]
    UserLimit,
}

impl Auth {
    /// Imports connections with their grants. A connection that already exists, with the same account, provider and
    /// reference id, does not change. An invalid connection is rejected. All others are created in one unit of work, so
    /// the result is durable once it is returned.
    ///
    /// # Errors
    ///
    /// See [`AdminError`]; nothing was changed.
    pub async fn import_connections(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        import: &ImportConnections,
    ) -> Result<ImportedConnections, AdminError> {
        self.permit(admin, Role::Operator, &AuditedAction { action: ACTION, dev_id: Some(dev_id), target: "" }).await?;
        if import.connections.len() > MAX_CONNECTIONS {
            return Err(AdminError::Invalid("connections: at most 500 at once"));
        }
        let developer = self.require_environment(dev_id)?;
        let rows = import.connections.iter().map(|row| self.validate_row(&developer, row)).collect();
        let unit = Import {
            auth: self.clone(),
            admin: admin.clone(),
            dev_id: dev_id.clone(),
            rows,
            dry_run: import.dry_run,
            counted: import.counted,
            announce: import.announce,
            now: self.now(),
        };
        match self.store().run_once(self.receipt(), unit).await {
            Ok(imported) => {
                self.outbox().notify_one();
                Ok(imported)
            }
            Err(ImportStopped::DryRun(imported)) => Ok(imported),
            Err(ImportStopped::Admin(error)) => Err(error),
        }
    }

    /// Validates a row, and returns the connection to store.
    fn validate_row(&self, developer: &Developer, row: &PortableConnection) -> Result<Connection, NotImported> {
        let info = self.offered(developer, row.provider.as_str()).ok_or(NotImported::UnknownProvider)?;
        if info.connects == Connects::OnDevice {
            return Err(NotImported::OnDevice);
        }
        check(row, self.now())?;
        let user_id = row.user_id.unwrap_or_else(|| UserId(self.entropy().id()));
        Ok(Connection {
            user_id,
            dev_id: developer.dev_id.clone(),
            provider: row.provider.clone(),
            account: row.account.clone(),
            reference_id: row.reference_id.clone(),
            scopes: row.scopes.clone(),
            active: row.active.unwrap_or(true),
            created_at: in_ms(row.created_at.unwrap_or_else(|| self.now())),
            last_webhook_update: None,
            grant: Some(self.seal_grant(&developer.dev_id, user_id, &self.tokens(row)?)),
        })
    }

    fn tokens(&self, row: &PortableConnection) -> Result<Tokens, NotImported> {
        let access_token = row.access_token.as_ref().ok_or(NotImported::NoAccessToken)?;
        let refreshed = row.refresh_token.is_some() && self.providers().refresh_policy(&row.provider).is_some();
        Ok(Tokens {
            access_token: token("access_token", access_token)?.into(),
            refresh_token: row
                .refresh_token
                .as_ref()
                .map(|text| token("refresh_token", text))
                .transpose()?
                .map(Into::into),
            // Tokens with an unknown expiry may have expired already.
            expires_at: row.expires_at.or_else(|| refreshed.then(|| self.now())),
        })
    }
}

fn check(row: &PortableConnection, now: Timestamp) -> Result<(), NotImported> {
    let is_text = |text: &str, longest| text.len() <= longest && !text.chars().any(char::is_control);
    if row.account.is_empty() || !is_text(&row.account, MAX_ACCOUNT_BYTES) {
        return Err(NotImported::Account);
    }
    if row.scopes.as_ref().is_some_and(|scopes| !is_text(scopes, MAX_SCOPES_BYTES)) {
        return Err(NotImported::Scopes);
    }
    if row.created_at.is_some_and(|created_at| created_at > now) {
        return Err(NotImported::CreatedInFuture);
    }
    if row.user_id.is_some_and(|user_id| user_id.0.is_nil()) {
        return Err(NotImported::UserId);
    }
    Ok(())
}

fn token<'a>(name: &'static str, token: &'a ProviderToken) -> Result<&'a str, NotImported> {
    let text = token.expose();
    let fits = (1..=MAX_PROVIDER_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text) } else { Err(NotImported::Token(name)) }
}

fn in_ms(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

struct Import {
    auth: Auth,
    admin: Admin,
    dev_id: DevId,
    rows: Vec<Result<Connection, NotImported>>,
    dry_run: bool,
    counted: u64,
    announce: bool,
    now: Timestamp,
}

/// Why an import is rolled back.
#[derive(Debug, thiserror::Error)]
enum ImportStopped {
    #[error("dry run")]
    DryRun(ImportedConnections),
    #[error("could not import")]
    Admin(#[from] AdminError),
}

impl From<StoreError> for ImportStopped {
    fn from(error: StoreError) -> Self {
        Self::Admin(error.into())
    }
}

#[async_trait]
impl Unit for Import {
    type Done = ImportedConnections;
    type Error = ImportStopped;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ImportedConnections, ImportStopped> {
        let mut room = self.remaining_user_limit(tx).await?;
        let mut done = ImportedConnections::default();
        for (index, row) in (0..).zip(&self.rows) {
            match self.import_row(tx, row, &mut room).await? {
                Ok(ImportedRow::New) => done.imported += 1,
                Ok(ImportedRow::AlreadyExists) => done.kept += 1,
                Err(reason) => {
                    let user_limit = reason == NotImported::UserLimit;
                    done.refused.push(RefusedConnection { index, reason: reason.to_string(), user_limit });
                }
            }
        }
        if self.dry_run {
            return Err(ImportStopped::DryRun(done));
        }
        self.record_import(tx, &done).await?;
        Ok(done)
    }
}

enum ImportedRow {
    New,
    AlreadyExists,
}

impl Import {
    /// Returns how many more users the limit allows.
    async fn remaining_user_limit(&self, tx: &mut dyn Tx) -> Result<u64, ImportStopped> {
        let found = tx.lock_developer(&self.dev_id).await?; // blocks new connections until this unit ends
        let developer = found.filter(|developer| developer.status != EnvironmentStatus::Deleting);
        let Some(limit) = developer.ok_or(AdminError::UnknownEnvironment)?.user_limit else { return Ok(u64::MAX) };
        let there = tx.count_connections(&self.dev_id).await? + self.counted;
        Ok(u64::from(limit).saturating_sub(there))
    }

    async fn import_row(
        &self,
        tx: &mut dyn Tx,
        row: &Result<Connection, NotImported>,
        room: &mut u64,
    ) -> Result<Result<ImportedRow, NotImported>, StoreError> {
        let new = match row {
            Ok(connection) => connection,
            Err(reason) => return Ok(Err(*reason)),
        };
        let reference_id = new.reference_id.as_ref();
        if !tx.connections_of_account(&new.dev_id, &new.provider, &new.account, reference_id).await?.is_empty() {
            return Ok(Ok(ImportedRow::AlreadyExists));
        }
        if tx.connection(&new.dev_id, new.user_id).await?.is_some() {
            return Ok(Err(NotImported::UserId));
        }
        let Some(remaining) = room.checked_sub(1) else { return Ok(Err(NotImported::UserLimit)) };
        *room = remaining;
        tx.add_connection(new).await?;
        if self.announce {
            let event = auth_event(new, None, None);
            publish(tx, &EventRecord::new(self.auth.new_event_id(), &new.dev_id, &event, self.now)).await?;
        }
        Ok(Ok(ImportedRow::New))
    }

    async fn record_import(&self, tx: &mut dyn Tx, done: &ImportedConnections) -> Result<(), StoreError> {
        let ImportedConnections { imported, kept, refused } = done;
        let target = format!("{imported} imported, {kept} kept, {} refused", refused.len());
        let act = AuditedAction { action: ACTION, dev_id: Some(&self.dev_id), target: &target };
        AppendAuditEntry(PendingAuditEntry::new(&self.auth, &self.admin, &act, true)).run(tx).await
    }
}
