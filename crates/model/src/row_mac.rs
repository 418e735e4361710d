//! MACs over rows that grant access: an HMAC over all columns of a row, under a key that is not in the database.
//!
//! An attacker who can write to the database but does not have the key cannot add an admin token, widen the
//! scopes of a key or change a destination: a row without a valid MAC is not loaded, and an error is logged. A
//! MAC cannot show that a row was set back to an earlier version. `audit verify` finds that by comparing the
//! rows with the audit log.
//!
//! A store that was created before row MACs existed is upgraded once:
//!
//! 1. The first start finds that the store has no record of row MACs and that the audit log has no entry about them.
//! 2. One unit computes the MACs of all rows, and adds an audit entry for each admin token and each key and one
//!    for the upgrade. Until this unit is durable no row has a MAC; after a crash, the next start begins again.
//! 3. From then on a row without a MAC is rejected. Resetting the record of step 2 has no effect, because the
//!    audit entry remains.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use terra_auth_types::log_limit::LogLimit;

use crate::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    destination::Destination,
    developer::{Developer, RetiringSecret},
    keys::{mac::MacKey, sealed::Sealed},
    provider_app::{AppSecret, PreviousSecret, ProviderApp},
    store_error::StoreError,
};

/// A row that is loaded only with a valid MAC.
///
/// [`AuthenticatedRow::columns`] destructures the row without `..`, so a new column does not compile until it is included.
pub trait AuthenticatedRow {
    /// The table name.
    const TABLE: &'static str;

    /// The key of the row within its table.
    fn name(&self) -> String;

    /// All columns that the MAC covers.
    fn columns(&self) -> Value;
}

/// Identifies a row of the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowName {
    /// The table name.
    pub table: &'static str,
    /// The key of the row.
    pub key: String,
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.key)
    }
}

/// The number of rejected rows that are listed for the operator.
const MAX_REJECTED_ROWS: usize = 100;
/// Limits the log, because a rejected row is read again and again.
static REJECTED_ROW_LOG: LogLimit = LogLimit::every(Duration::from_mins(1));

/// Computes and verifies row MACs.
#[derive(Clone)]
pub struct RowAuthenticator {
    key: MacKey,
    refused: Arc<Mutex<BTreeSet<RowName>>>,
}

impl RowAuthenticator {
    /// Creates a marker with this key.
    #[must_use]
    pub fn new(key: MacKey) -> Self {
        Self { key, refused: Arc::default() }
    }

    /// Computes the MAC of a row.
    #[must_use]
    pub fn row_mac<R: AuthenticatedRow>(&self, row: &R) -> [u8; 32] {
        self.key.mac(&[b"row", R::TABLE.as_bytes(), row.columns().to_string().as_bytes()])
    }

    /// Whether the MAC of a row is valid. If it is not, an error is logged.
    pub fn accepts<R: AuthenticatedRow>(&self, row: &R, mac: Option<&[u8]>) -> bool {
        let is_right = mac.is_some_and(|mac| mac.ct_eq(&self.row_mac(row)).into());
        if !is_right {
            self.refuse(RowName { table: R::TABLE, key: row.name() });
        }
        is_right
    }

    /// Rejects a row of this table that cannot be parsed, because no server writes such a row.
    pub fn reject_unreadable(&self, table: &'static str) {
        self.refuse(RowName { table, key: "(unreadable)".to_owned() });
    }

    fn refuse(&self, row: RowName) {
        if let Some(left_out) = REJECTED_ROW_LOG.admit(Instant::now()) {
            tracing::error!(
                table = row.table, row = %row.key, left_out,
                "ignored a row without a valid MAC: another program wrote or changed it; find out who can write to the database"
            );
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MAX_REJECTED_ROWS {
            refused.insert(row);
        }
    }

    /// The rows that were rejected since the list was cleared, 100 at most.
    #[must_use]
    pub fn rejected_rows(&self) -> Vec<RowName> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Clears the list of rejected rows, before everything is loaded again.
    pub fn clear_rejected_rows(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Debug for RowAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowMarker")
    }
}

/// The rows that get a new MAC, whatever MAC they have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsToMac {
    /// The rows without a MAC.
    WithoutMac,
    /// All rows.
    All,
}

/// The verbs for row MACs. A transaction without a marker loads every row and writes no MACs.
#[async_trait]
pub trait RowMacs: Send {
    /// Computes and verifies row MACs from now on.
    fn use_row_authenticator(&mut self, marker: RowAuthenticator);

    /// Computes the MACs of rows as they are now; returns the number of rows.
    async fn write_row_macs(&mut self, which: RowsToMac) -> Result<u64, StoreError>;

    /// The sequence number of the audit entry since which rows have MACs; `None` if they never had.
    async fn row_macs_since(&mut self) -> Result<Option<u64>, StoreError>;

    /// Stores that sequence number.
    async fn set_row_macs_since(&mut self, seq: u64) -> Result<(), StoreError>;
}

fn ms(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

fn sealed(sealed: &Sealed) -> String {
    hex::encode(&sealed.0)
}

impl AuthenticatedRow for AdminTokenRecord {
    const TABLE: &'static str = "admin_token";

    fn name(&self) -> String {
        self.token_id.to_string()
    }

    fn columns(&self) -> Value {
        let Self { token_id, name, role, digest, created_at, expires_at } = self;
        json!([token_id.to_string(), name, role.as_str(), hex::encode(digest.0), ms(*created_at), expires_at.map(ms)])
    }
}

impl AuthenticatedRow for ApiKeyRecord {
    const TABLE: &'static str = "api_key";

    fn name(&self) -> String {
        self.key_id.to_string()
    }

    fn columns(&self) -> Value {
        // `last_used_at` grants nothing and is written often.
        let Self { key_id, dev_id, name, hint, digest, scopes, created_at, expires_at, last_used_at: _ } = self;
        let (key_id, digest) = (key_id.to_string(), hex::encode(digest.0));
        json!([key_id, dev_id.as_str(), name, hint, digest, scopes, ms(*created_at), expires_at.map(ms)])
    }
}

impl AuthenticatedRow for Developer {
    const TABLE: &'static str = "developer";

    fn name(&self) -> String {
        self.dev_id.to_string()
    }

    fn columns(&self) -> Value {
        let Self {
            dev_id,
            environment,
            name,
            logo_url,
            accent,
            user_limit,
            providers,
            redirect_allow_list,
            destination: _, // has a row and a MAC of its own
            keep_user_id,
            bound_tokens_only,
            signing_secret,
            retiring_secret,
            status,
            created_at,
        } = self;
        let retiring = retiring_secret
            .as_ref()
            .map(|RetiringSecret { secret, until, sign_with }| json!([sealed(secret), ms(*until), sign_with]));
        json!([
            [dev_id.as_str(), environment.as_str(), name, logo_url, accent],
            [user_limit],
            [providers],
            redirect_allow_list,
            [keep_user_id, bound_tokens_only],
            [sealed(signing_secret), retiring],
            [status.as_str()],
            ms(*created_at),
        ])
    }
}

impl AuthenticatedRow for Destination {
    const TABLE: &'static str = "destination";

    fn name(&self) -> String {
        self.destination_id.to_string()
    }

    fn columns(&self) -> Value {
        let Self { destination_id, dev_id, url, event_types, description, enabled, created_at } = self;
        json!([
            [destination_id.to_string(), dev_id.as_str(), url],
            [event_types],
            [description],
            [enabled],
            ms(*created_at),
        ])
    }
}

impl AuthenticatedRow for ProviderApp {
    const TABLE: &'static str = "provider_app";

    fn name(&self) -> String {
        format!("{} {}", self.dev_id, self.provider)
    }

    fn columns(&self) -> Value {
        // `last_used_at` grants nothing and is written often.
        let Self { dev_id, provider, client_id, secret, previous, created_at, changed_at, last_used_at: _, profile } =
            self;
        let previous =
            previous.as_ref().map(|PreviousSecret { secret, until }| json!([app_secret(secret), ms(*until)]));
        json!([
            [dev_id.as_str(), provider.as_str(), client_id],
            app_secret(secret),
            [previous],
            [ms(*created_at), ms(*changed_at)],
            [profile],
        ])
    }
}

fn app_secret(AppSecret { sealed: secret, hint, headers }: &AppSecret) -> Value {
    json!([sealed(secret), hint, headers])
}
