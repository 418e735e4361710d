//! Admin tokens, and the revision of the directory.

use async_trait::async_trait;
use terra_auth_model::{
    admin_token::{AdminTokenRecord, AdminTokens},
    store_error::StoreError,
};
use uuid::Uuid;

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "token_id, name, role, digest, created_at_ms, expires_at_ms, mac"
    };
}

statements! {
    ADD_ADMIN_TOKEN: Sql::plain(concat!("INSERT INTO admin_token (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"));
    ADMIN_TOKENS: Sql::plain(concat!("SELECT ", columns!(), " FROM admin_token ORDER BY created_at_ms, token_id"));
    REMOVE_ADMIN_TOKEN: Sql::plain("DELETE FROM admin_token WHERE token_id = $1");
    BUMP_REVISION: Sql::plain("UPDATE revision SET revision = revision + 1 WHERE id = 1");
    REVISION: Sql::plain("SELECT revision FROM revision WHERE id = 1");
}

#[async_trait]
impl<D: Database> AdminTokens for Queries<D> {
    async fn add_admin_token(&mut self, token: &AdminTokenRecord) -> Result<(), StoreError> {
        let mac = self.mark_of(token);
        let values = [
            token.token_id.value(),
            token.name.value(),
            token.role.value(),
            token.digest.value(),
            token.created_at.value(),
            token.expires_at.value(),
            mac.value(),
        ];
        self.execute(ADD_ADMIN_TOKEN, &values).await?;
        Ok(())
    }

    async fn admin_tokens(&mut self) -> Result<Vec<AdminTokenRecord>, StoreError> {
        self.believed(ADMIN_TOKENS, &[]).await
    }

    async fn remove_admin_token(&mut self, token_id: Uuid) -> Result<bool, StoreError> {
        self.changes(REMOVE_ADMIN_TOKEN, &[token_id.value()]).await
    }

    async fn bump_revision(&mut self) -> Result<(), StoreError> {
        self.execute(BUMP_REVISION, &[]).await?;
        Ok(())
    }

    async fn revision(&mut self) -> Result<u64, StoreError> {
        Ok(self.first(REVISION, &[]).await?.unwrap_or_default())
    }
}

impl Record for AdminTokenRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            token_id: row.take()?,
            name: row.take()?,
            role: row.take()?,
            digest: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
        })
    }
}
