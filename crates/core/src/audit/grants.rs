//! What the audit log says about admin tokens and API keys: which were created, and until when they work.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::AuditRecord;
use crate::{
    admin::AdminTokenRecord,
    api_key::ApiKeyRecord,
    auth::Auth,
    row_mark::{KEY_ADOPTED, TOKEN_ADOPTED},
    store::{StoreError, Tx, Unit},
};

/// Ids in the log, each with the instant at which it stops working if the log says so.
#[derive(Default)]
pub(super) struct Grants {
    tokens: HashMap<Uuid, Option<Timestamp>>,
    keys: HashMap<Uuid, Option<Timestamp>>,
}

impl Grants {
    /// Takes what a line says.
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

    /// Whether a token works as the log says.
    fn knows_token(&self, token: &AdminTokenRecord) -> bool {
        self.tokens.get(&token.token_id) == Some(&None)
    }

    /// Whether a key works no longer than the log says.
    fn knows_key(&self, key: &ApiKeyRecord) -> bool {
        match self.keys.get(&key.key_id.0) {
            None => false,
            Some(None) => true,
            Some(Some(until)) => key.expires_at.is_some_and(|expires_at| expires_at <= *until),
        }
    }
}

/// What is not as it should be.
pub(super) struct Unexpected {
    pub(super) refused_rows: Vec<String>,
    pub(super) unlogged: Vec<String>,
}

impl Auth {
    /// Compares the rows that grant something with their marks and with the log.
    pub(super) async fn compare_grants(&self, grants: &Grants) -> Result<Unexpected, StoreError> {
        self.forget_refused_rows();
        let (tokens, keys) = self.store.read(ReadGrants).await?;
        let now = self.now();
        let tokens = tokens.iter().filter(|token| token.works(now) && !grants.knows_token(token));
        let keys = keys.iter().filter(|key| key.works(now) && !grants.knows_key(key));
        let tokens = tokens.map(|token| format!("admin_token {}", token.token_id));
        let unlogged = tokens.chain(keys.map(|key| format!("api_key {}", key.key_id))).collect();
        let refused_rows = self.refused_rows().iter().map(ToString::to_string).collect();
        Ok(Unexpected { refused_rows, unlogged })
    }
}

/// All that grants something; rows without the right mark are refused on the way.
struct ReadGrants;

#[async_trait]
impl Unit for ReadGrants {
    type Done = (Vec<AdminTokenRecord>, Vec<ApiKeyRecord>);
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.developers().await?;
        tx.provider_apps().await?;
        Ok((tx.admin_tokens().await?, tx.api_keys().await?))
    }
}
