//! The admin tokens and API keys in the audit log: which were created, and when they expire.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    audit::AuditRecord,
    store::{Tx, Unit},
    store_error::StoreError,
};
use uuid::Uuid;

use crate::{
    auth::Auth,
    row_macs::{KEY_ADOPTED, TOKEN_ADOPTED},
};

/// The ids in the log, each with the instant at which it expires, if the log names one.
#[derive(Default)]
pub(super) struct AuditedGrants {
    tokens: HashMap<Uuid, Option<Timestamp>>,
    keys: HashMap<Uuid, Option<Timestamp>>,
}

impl AuditedGrants {
    /// Adds the grants of an entry.
    pub(super) fn follow(&mut self, record: &AuditRecord) {
        if !record.allowed {
            return;
        }
        let words: Vec<&str> = record.target.split(' ').collect();
        let id = |at: usize| words.get(at).and_then(|word| word.parse::<Uuid>().ok());
        let until = || words.get(2).and_then(|word| word.parse::<Timestamp>().ok());
        match (&*record.action, id(0)) {
            ("admin_token.create" | TOKEN_ADOPTED, Some(token)) => {
                self.tokens.insert(token, None);
            }
            ("admin_token.revoke", Some(token)) => {
                self.tokens.insert(token, Some(record.at));
            }
            ("api_key.create" | KEY_ADOPTED, Some(key)) => {
                self.keys.insert(key, None);
            }
            ("api_key.revoke" | "api_key.rotate", Some(key)) => {
                let until = until();
                self.keys.entry(key).and_modify(|end| *end = until.or(*end)).or_insert(until);
                self.keys.extend(id(4).map(|successor| (successor, None)));
            }
            ("environment.create", _) => self.keys.extend(id(1).map(|first| (first, None))),
            _ => {}
        }
    }

    /// Returns whether the token was created, and not revoked, according to the log.
    fn has_token(&self, token: &AdminTokenRecord) -> bool {
        self.tokens.get(&token.token_id) == Some(&None)
    }

    /// Returns whether the key is in the log and expires no later than the log says.
    fn has_key(&self, key: &ApiKeyRecord) -> bool {
        match self.keys.get(&key.key_id.0) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => key.expires_at.is_some_and(|expires_at| expires_at <= *until),
        }
    }
}

/// Rows without a valid MAC, and grants that the log does not contain.
pub(super) struct GrantFindings {
    pub(super) refused_rows: Vec<String>,
    pub(super) unlogged: Vec<String>,
}

impl Auth {
    /// Compares the rows that grant access with their MACs and with the log.
    pub(super) async fn compare_grants(&self, grants: &AuditedGrants) -> Result<GrantFindings, StoreError> {
        self.forget_refused_rows();
        let (tokens, keys) = self.store().read(ReadGrants).await?;
        let now = self.now();
        let tokens = tokens.iter().filter(|token| token.is_valid(now) && !grants.has_token(token));
        let keys = keys.iter().filter(|key| key.is_valid(now) && !grants.has_key(key));
        let tokens = tokens.map(|token| format!("admin_token {}", token.token_id));
        let unlogged = tokens.chain(keys.map(|key| format!("api_key {}", key.key_id))).collect();
        let refused_rows = self.refused_rows().iter().map(ToString::to_string).collect();
        Ok(GrantFindings { refused_rows, unlogged })
    }
}

/// Reads all rows that grant access. Rows without a valid MAC are rejected while they are read.
struct ReadGrants;

#[async_trait]
impl Unit for ReadGrants {
    type Done = (Vec<AdminTokenRecord>, Vec<ApiKeyRecord>);
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.developers().await?;
        tx.destinations().await?;
        tx.provider_apps().await?;
        Ok((tx.admin_tokens().await?, tx.api_keys().await?))
    }
}
