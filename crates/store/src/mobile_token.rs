//! Consumed mobile tokens. Tokens that are not consumed have no row.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    mobile_token::{MobileTokens, TokenId},
    store_error::StoreError,
};

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::Parameter as _,
};

statements! {
    CONSUME_TOKEN: Sql::plain(
        "INSERT INTO consumed_token (token_id, expires_at_ms)
        SELECT $1, $2 WHERE $2 > (SELECT expires_at_ms FROM consumed_watermark WHERE kind = 'token')
        ON CONFLICT (token_id) DO NOTHING",
    );
}

#[async_trait]
impl<D: Database> MobileTokens for Queries<D> {
    async fn consume_token(&mut self, token_id: TokenId, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.changes(CONSUME_TOKEN, &[token_id.value(), expires_at.value()]).await
    }
}
