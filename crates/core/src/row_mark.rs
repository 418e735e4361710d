//! Rows that grant something carry a mark: an HMAC over all their columns, under a key that is not in the store.
//!
//! Who can write the database but has no key cannot add an admin token, widen a key's scopes or move a destination: a row
//! without the right mark is not loaded, and is an alarm. What a mark cannot show is that a row was put back as it was
//! earlier; `audit verify` compares the rows with the lines of the audit log for that.
//!
//! A store from before marks gets them once:
//!
//! 1. The first start finds that rows were never marked here, and that the audit log has no line about it.
//! 2. One unit marks all rows and writes a line for each admin token and key, and one about the whole. Before it is durable
//!    nothing is marked, and the next start does the same.
//! 3. From then on a row without a mark is refused. Setting the record of step 2 back does not help: the line is in the log.

mod once;

pub(crate) use self::once::{KEY_ADOPTED, TOKEN_ADOPTED};

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

use crate::{
    admin::AdminTokenRecord,
    api_key::ApiKeyRecord,
    developer::{Developer, RetiringSecret},
    log_limit::LogLimit,
    provider_app::{AppSecret, PreviousSecret, ProviderApp},
    seal::{MarkKey, Sealed},
    store::StoreError,
};

/// A row that is believed only with the right mark.
///
/// [`MarkedRow::columns`] takes the row apart without `..`: a new column does not compile until it is decided about.
pub trait MarkedRow {
    /// The table.
    const TABLE: &'static str;

    /// Names the row within its table.
    fn name(&self) -> String;

    /// Everything that the row says.
    fn columns(&self) -> Value;
}

/// A row of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowName {
    /// The table.
    pub table: &'static str,
    /// The row's key.
    pub key: String,
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.key)
    }
}

/// Refused rows that are remembered for the operator.
const MAX_REFUSED: usize = 100;
/// A row that is refused is met again and again.
static REFUSED: LogLimit = LogLimit::every(Duration::from_mins(1));

/// Marks rows, and checks marks.
#[derive(Clone)]
pub struct RowMarker {
    key: MarkKey,
    refused: Arc<Mutex<BTreeSet<RowName>>>,
}

impl RowMarker {
    pub(crate) fn new(key: MarkKey) -> Self {
        Self { key, refused: Arc::default() }
    }

    /// The mark of a row.
    #[must_use]
    pub fn mark<R: MarkedRow>(&self, row: &R) -> [u8; 32] {
        self.key.mark(&[b"row", R::TABLE.as_bytes(), row.columns().to_string().as_bytes()])
    }

    /// Whether a row is to be believed. One that is not is an alarm.
    pub fn accepts<R: MarkedRow>(&self, row: &R, mark: Option<&[u8]>) -> bool {
        let is_right = mark.is_some_and(|mark| mark.ct_eq(&self.mark(row)).into());
        if !is_right {
            self.refuse(RowName { table: R::TABLE, key: row.name() });
        }
        is_right
    }

    /// A row of this table holds what no server writes.
    pub fn refuse_unreadable(&self, table: &'static str) {
        self.refuse(RowName { table, key: "(unreadable)".to_owned() });
    }

    fn refuse(&self, row: RowName) {
        if let Some(left_out) = REFUSED.admit(Instant::now()) {
            tracing::error!(
                table = row.table, row = %row.key, left_out,
                "a row is ignored: it was not written by this server, or was changed since; find out who writes the database"
            );
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MAX_REFUSED {
            refused.insert(row);
        }
    }

    /// The rows that were refused since they were last forgotten, 100 at most.
    #[must_use]
    pub fn refused(&self) -> Vec<RowName> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Begins to remember anew, before everything is read again.
    pub(crate) fn forget_refused(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Debug for RowMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowMarker")
    }
}

/// Which rows are marked, whatever mark they have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// Those that have none.
    Unmarked,
    /// All.
    All,
}

/// The verbs for marks. A transaction without a marker believes every row, and marks none.
#[async_trait]
pub trait RowMarks: Send {
    /// Marks and checks rows from now on.
    fn use_marker(&mut self, marker: RowMarker);

    /// Marks rows as they are; answers how many.
    async fn mark_rows(&mut self, which: Unproven) -> Result<u64, StoreError>;

    /// The line of the audit log that says since when rows are marked; `None` if they never were.
    async fn marked_since(&mut self) -> Result<Option<u64>, StoreError>;

    /// Records it.
    async fn set_marked_since(&mut self, seq: u64) -> Result<(), StoreError>;
}

fn ms(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

fn sealed(sealed: &Sealed) -> String {
    hex::encode(&sealed.0)
}

impl MarkedRow for AdminTokenRecord {
    const TABLE: &'static str = "admin_token";

    fn name(&self) -> String {
        self.token_id.to_string()
    }

    fn columns(&self) -> Value {
        let Self { token_id, name, role, digest, created_at, expires_at } = self;
        json!([token_id.to_string(), name, role.as_str(), hex::encode(digest.0), ms(*created_at), expires_at.map(ms)])
    }
}

impl MarkedRow for ApiKeyRecord {
    const TABLE: &'static str = "api_key";

    fn name(&self) -> String {
        self.key_id.to_string()
    }

    fn columns(&self) -> Value {
        // When it was last used grants nothing, and is written often.
        let Self { key_id, dev_id, name, hint, digest, scopes, created_at, expires_at, last_used_at: _ } = self;
        let (key_id, digest) = (key_id.to_string(), hex::encode(digest.0));
        json!([key_id, dev_id.as_str(), name, hint, digest, scopes, ms(*created_at), expires_at.map(ms)])
    }
}

impl MarkedRow for Developer {
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
            destination,
            keep_user_id,
            bound_tokens_only,
            signing_secret,
            retiring_secret,
            standing,
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
            [destination],
            [keep_user_id, bound_tokens_only],
            [sealed(signing_secret), retiring],
            [standing.as_str()],
            ms(*created_at),
        ])
    }
}

impl MarkedRow for ProviderApp {
    const TABLE: &'static str = "provider_app";

    fn name(&self) -> String {
        format!("{} {}", self.dev_id, self.provider)
    }

    fn columns(&self) -> Value {
        // When it was last used grants nothing, and is written often.
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
