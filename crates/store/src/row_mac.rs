//! The MACs of rows: written with each row, and verified at each read.

use async_trait::async_trait;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    destination::Destination,
    developer::Developer,
    provider_app::ProviderApp,
    row_mac::{AuthenticatedRow, RowAuthenticator, RowMacs, RowsToMac},
    store_error::StoreError,
};

use crate::{
    admin_token, api_key, destination, developer,
    engine::{Database, Queries, Sql, statements},
    provider_app,
    value::{Parameter as _, Record, Row, Value},
};

statements! {
    SET_MAC_OF_ADMIN_TOKEN: Sql::plain("UPDATE admin_token SET mac = $1 WHERE token_id = $2");
    SET_MAC_OF_API_KEY: Sql::plain("UPDATE api_key SET mac = $1 WHERE key_id = $2");
    SET_MAC_OF_DESTINATION: Sql::plain("UPDATE destination SET mac = $1 WHERE destination_id = $2");
    SET_MAC_OF_DEVELOPER: Sql::plain("UPDATE developer SET mac = $1 WHERE dev_id = $2");
    SET_MAC_OF_PROVIDER_APP: Sql::plain("UPDATE provider_app SET mac = $1 WHERE dev_id = $2 AND provider = $3");
    MARKED_SINCE: Sql::plain("SELECT seq FROM row_macs WHERE id = 1");
    SET_MARKED_SINCE: Sql::plain("UPDATE row_macs SET seq = $1 WHERE id = 1");
}

/// A row and its MAC, which is the last column.
pub(crate) struct WithMac<R> {
    row: R,
    mac: Option<Vec<u8>>,
}

impl<R: Record> Record for WithMac<R> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { row: R::read(row)?, mac: row.take()? })
    }
}

/// A row whose MAC can be replaced.
pub(crate) trait MacRow: AuthenticatedRow + Record + Send {
    const SET_MAC: Sql;

    fn key(&self) -> Vec<Value<'_>>;
}

impl MacRow for AdminTokenRecord {
    const SET_MAC: Sql = SET_MAC_OF_ADMIN_TOKEN;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.token_id.value()]
    }
}

impl MacRow for ApiKeyRecord {
    const SET_MAC: Sql = SET_MAC_OF_API_KEY;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.key_id.value()]
    }
}

impl MacRow for Destination {
    const SET_MAC: Sql = SET_MAC_OF_DESTINATION;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.destination_id.value()]
    }
}

impl MacRow for Developer {
    const SET_MAC: Sql = SET_MAC_OF_DEVELOPER;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.dev_id.value()]
    }
}

impl MacRow for ProviderApp {
    const SET_MAC: Sql = SET_MAC_OF_PROVIDER_APP;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.dev_id.value(), self.provider.value()]
    }
}

impl<D: Database> Queries<D> {
    /// The MAC of a row.
    pub(crate) fn mark_of<R: AuthenticatedRow>(&self, row: &R) -> Option<[u8; 32]> {
        self.marker.as_ref().map(|marker| marker.row_mac(row))
    }

    /// Runs a statement whose last column is the MAC. Returns the rows with a valid MAC. A row that cannot be read is skipped
    /// too.
    pub(crate) async fn believed<R: AuthenticatedRow + Record>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<R>, StoreError> {
        let Some(marker) = self.marker.clone() else {
            let rows: Vec<WithMac<R>> = self.all(sql, values).await?;
            return Ok(rows.into_iter().map(|marked| marked.row).collect());
        };
        let believed = |mut row: Row| {
            let Ok(WithMac { row, mac }) = WithMac::<R>::read(&mut row) else {
                marker.reject_unreadable(R::TABLE);
                return None;
            };
            marker.accepts(&row, mac.as_deref()).then_some(row)
        };
        Ok(self.rows(sql, values).await?.into_iter().filter_map(believed).collect())
    }

    /// Returns the first row with a valid MAC.
    pub(crate) async fn believed_first<R: AuthenticatedRow + Record>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Option<R>, StoreError> {
        Ok(self.believed(sql, values).await?.into_iter().next())
    }

    /// Runs a statement that changes one column of the row which `select` locks, and updates its MAC. A row without a valid MAC
    /// is changed and gets none.
    pub(crate) async fn change_marked<R: MacRow>(
        &mut self,
        (select, key): (Sql, &[Value<'_>]),
        change: Sql,
        values: &[Value<'_>],
    ) -> Result<bool, StoreError> {
        let was_believed = self.marker.is_some() && self.believed_first::<R>(select, key).await?.is_some();
        let changed = self.changes(change, values).await?;
        if changed && was_believed {
            let after: Vec<WithMac<R>> = self.all(select, key).await?;
            for WithMac { row, .. } in &after {
                self.remark(row).await?;
            }
        }
        Ok(changed)
    }

    async fn remark<R: MacRow>(&mut self, row: &R) -> Result<(), StoreError> {
        let mac = self.mark_of(row);
        self.execute(R::SET_MAC, &[&[mac.value()][..], &row.key()].concat()).await.map(drop)
    }

    async fn mark_all<R: MacRow>(&mut self, select: Sql, which: RowsToMac) -> Result<u64, StoreError> {
        let mut rows: Vec<WithMac<R>> = self.all(select, &[]).await?;
        rows.retain(|row| which == RowsToMac::All || row.mac.is_none());
        for WithMac { row, .. } in &rows {
            self.remark(row).await?;
        }
        Ok(rows.len() as u64)
    }
}

#[async_trait]
impl<D: Database> RowMacs for Queries<D> {
    fn use_row_authenticator(&mut self, marker: RowAuthenticator) {
        self.marker = Some(marker);
    }

    async fn write_row_macs(&mut self, which: RowsToMac) -> Result<u64, StoreError> {
        Ok(self.mark_all::<AdminTokenRecord>(admin_token::ADMIN_TOKENS, which).await?
            + self.mark_all::<ApiKeyRecord>(api_key::API_KEYS, which).await?
            + self.mark_all::<Destination>(destination::ALL_DESTINATIONS, which).await?
            + self.mark_all::<Developer>(developer::DEVELOPERS, which).await?
            + self.mark_all::<ProviderApp>(provider_app::PROVIDER_APPS, which).await?)
    }

    async fn row_macs_since(&mut self) -> Result<Option<u64>, StoreError> {
        let found: Option<Seq> = self.first(MARKED_SINCE, &[]).await?;
        Ok(found.and_then(|Seq(seq)| seq))
    }

    async fn set_row_macs_since(&mut self, seq: u64) -> Result<(), StoreError> {
        self.execute(SET_MARKED_SINCE, &[seq.value()]).await.map(drop)
    }
}

struct Seq(Option<u64>);

impl Record for Seq {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        row.take().map(Self)
    }
}
