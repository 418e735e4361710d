//! The marks of rows: written with each row, checked whenever one is read.

use async_trait::async_trait;
use terra_auth_core::{
    admin::AdminTokenRecord,
    api_key::ApiKeyRecord,
    developer::Developer,
    provider_app::ProviderApp,
    row_mark::{MarkedRow, RowMarker, RowMarks, Unproven},
    store::StoreError,
};

use crate::{
    admin_token, api_key, developer,
    engine::{Database, Queries, Sql, statements},
    provider_app,
    value::{Parameter as _, Record, Row, Value},
};

statements! {
    MARK_ADMIN_TOKEN: Sql::plain("UPDATE admin_token SET mark = $1 WHERE token_id = $2");
    MARK_API_KEY: Sql::plain("UPDATE api_key SET mark = $1 WHERE key_id = $2");
    MARK_DEVELOPER: Sql::plain("UPDATE developer SET mark = $1 WHERE dev_id = $2");
    MARK_PROVIDER_APP: Sql::plain("UPDATE provider_app SET mark = $1 WHERE dev_id = $2 AND provider = $3");
    MARKED_SINCE: Sql::plain("SELECT seq FROM row_marks WHERE id = 1");
    SET_MARKED_SINCE: Sql::plain("UPDATE row_marks SET seq = $1 WHERE id = 1");
}

/// A row and its mark, which is the last column.
pub(crate) struct Marked<R> {
    row: R,
    mark: Option<Vec<u8>>,
}

impl<R: Record> Record for Marked<R> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { row: R::read(row)?, mark: row.take()? })
    }
}

/// How the mark of one row is replaced.
pub(crate) trait Remarked: MarkedRow + Record + Send {
    const MARK: Sql;

    fn key(&self) -> Vec<Value<'_>>;
}

impl Remarked for AdminTokenRecord {
    const MARK: Sql = MARK_ADMIN_TOKEN;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.token_id.value()]
    }
}

impl Remarked for ApiKeyRecord {
    const MARK: Sql = MARK_API_KEY;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.key_id.value()]
    }
}

impl Remarked for Developer {
    const MARK: Sql = MARK_DEVELOPER;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.dev_id.value()]
    }
}

impl Remarked for ProviderApp {
    const MARK: Sql = MARK_PROVIDER_APP;

    fn key(&self) -> Vec<Value<'_>> {
        vec![self.dev_id.value(), self.provider.value()]
    }
}

impl<D: Database> Queries<D> {
    /// The mark that a row is written with.
    pub(crate) fn mark_of<R: MarkedRow>(&self, row: &R) -> Option<[u8; 32]> {
        self.marker.as_ref().map(|marker| marker.mark(row))
    }

    /// Runs a statement whose last column is the mark; answers the rows that are to be believed. One that cannot even be read
    /// is not, and does not keep the others from being read.
    pub(crate) async fn believed<R: MarkedRow + Record>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Vec<R>, StoreError> {
        let Some(marker) = self.marker.clone() else {
            let rows: Vec<Marked<R>> = self.all(sql, values).await?;
            return Ok(rows.into_iter().map(|marked| marked.row).collect());
        };
        let believed = |mut row: Row| {
            let Ok(Marked { row, mark }) = Marked::<R>::read(&mut row) else {
                marker.refuse_unreadable(R::TABLE);
                return None;
            };
            marker.accepts(&row, mark.as_deref()).then_some(row)
        };
        Ok(self.rows(sql, values).await?.into_iter().filter_map(believed).collect())
    }

    /// The same of the first row.
    pub(crate) async fn believed_first<R: MarkedRow + Record>(
        &mut self,
        sql: Sql,
        values: &[Value<'_>],
    ) -> Result<Option<R>, StoreError> {
        Ok(self.believed(sql, values).await?.into_iter().next())
    }

    /// Runs a statement that changes one column of the row which `select` locks, and marks that row again. A row that was not
    /// to be believed before is changed and gets no mark.
    pub(crate) async fn change_marked<R: Remarked>(
        &mut self,
        (select, key): (Sql, &[Value<'_>]),
        change: Sql,
        values: &[Value<'_>],
    ) -> Result<bool, StoreError> {
        let was_believed = self.marker.is_some() && self.believed_first::<R>(select, key).await?.is_some();
        let changed = self.changes(change, values).await?;
        if changed && was_believed {
            let after: Vec<Marked<R>> = self.all(select, key).await?;
            for Marked { row, .. } in &after {
                self.remark(row).await?;
            }
        }
        Ok(changed)
    }

    async fn remark<R: Remarked>(&mut self, row: &R) -> Result<(), StoreError> {
        let mark = self.mark_of(row);
        self.execute(R::MARK, &[&[mark.value()][..], &row.key()].concat()).await.map(drop)
    }

    async fn mark_all<R: Remarked>(&mut self, select: Sql, which: Unproven) -> Result<u64, StoreError> {
        let mut rows: Vec<Marked<R>> = self.all(select, &[]).await?;
        rows.retain(|row| which == Unproven::All || row.mark.is_none());
        for Marked { row, .. } in &rows {
            self.remark(row).await?;
        }
        Ok(rows.len() as u64)
    }
}

#[async_trait]
impl<D: Database> RowMarks for Queries<D> {
    fn use_marker(&mut self, marker: RowMarker) {
        self.marker = Some(marker);
    }

    async fn mark_rows(&mut self, which: Unproven) -> Result<u64, StoreError> {
        Ok(self.mark_all::<AdminTokenRecord>(admin_token::ADMIN_TOKENS, which).await?
            + self.mark_all::<ApiKeyRecord>(api_key::API_KEYS, which).await?
            + self.mark_all::<Developer>(developer::DEVELOPERS, which).await?
            + self.mark_all::<ProviderApp>(provider_app::PROVIDER_APPS, which).await?)
    }

    async fn marked_since(&mut self) -> Result<Option<u64>, StoreError> {
        let found: Option<Seq> = self.first(MARKED_SINCE, &[]).await?;
        Ok(found.and_then(|Seq(seq)| seq))
    }

    async fn set_marked_since(&mut self, seq: u64) -> Result<(), StoreError> {
        self.execute(SET_MARKED_SINCE, &[seq.value()]).await.map(drop)
    }
}

struct Seq(Option<u64>);

impl Record for Seq {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        row.take().map(Self)
    }
}
