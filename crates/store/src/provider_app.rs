//! Provider apps.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    keys::Sealed,
    provider_app::{AppSecret, PreviousSecret, ProviderApp, ProviderApps},
    store_error::StoreError,
};
use terra_auth_types::{DevId, Provider};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "dev_id, provider, client_id, sealed_secret, hint, headers, previous_secret, previous_hint, previous_headers,
        previous_until_ms, created_at_ms, changed_at_ms, last_used_at_ms, profile, mac"
    };
}

statements! {
    PUT_PROVIDER_APP: Sql::plain(concat!(
        "INSERT INTO provider_app (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (dev_id, provider) DO UPDATE SET client_id = excluded.client_id,
            sealed_secret = excluded.sealed_secret, hint = excluded.hint, headers = excluded.headers,
            previous_secret = excluded.previous_secret, previous_hint = excluded.previous_hint,
            previous_headers = excluded.previous_headers, previous_until_ms = excluded.previous_until_ms,
            created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms,
            last_used_at_ms = excluded.last_used_at_ms, profile = excluded.profile,
            mac = excluded.mac",
    ));
    PROVIDER_APP: Sql::plain(concat!("SELECT ", columns!(), " FROM provider_app WHERE dev_id = $1 AND provider = $2"));
    LOCK_PROVIDER_APP: Sql::locking(
        concat!("SELECT ", columns!(), " FROM provider_app WHERE dev_id = $1 AND provider = $2"), Lock::ForUpdate, "",
    );
    PROVIDER_APPS: Sql::plain(concat!("SELECT ", columns!(), " FROM provider_app ORDER BY dev_id, provider"));
    REMOVE_PROVIDER_APP: Sql::plain("DELETE FROM provider_app WHERE dev_id = $1 AND provider = $2");
    TOUCH_PROVIDER_APP: Sql::plain(
        "UPDATE provider_app SET last_used_at_ms = $1
        WHERE dev_id = $2 AND provider = $3 AND (last_used_at_ms IS NULL OR last_used_at_ms < $1)",
    );
}

#[async_trait]
impl<D: Database> ProviderApps for Queries<D> {
    async fn put_provider_app(&mut self, app: &ProviderApp) -> Result<(), StoreError> {
        let mac = self.mark_of(app);
        let previous = app.previous.as_ref();
        let headers = previous.map(|previous| Value::json(&previous.secret.headers)).transpose()?;
        let values = [
            app.dev_id.value(),
            app.provider.value(),
            app.client_id.value(),
            app.secret.sealed.value(),
            app.secret.hint.value(),
            Value::json(&app.secret.headers)?,
            previous.map_or(Value::Null, |previous| previous.secret.sealed.value()),
            previous.map_or(Value::Null, |previous| previous.secret.hint.value()),
            headers.unwrap_or(Value::Null),
            previous.map_or(Value::Null, |previous| previous.until.value()),
            app.created_at.value(),
            app.changed_at.value(),
            app.last_used_at.value(),
            app.profile.value(),
            mac.value(),
        ];
        self.execute(PUT_PROVIDER_APP, &values).await?;
        Ok(())
    }

    async fn provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<Option<ProviderApp>, StoreError> {
        self.believed_first(PROVIDER_APP, &[dev_id.value(), provider.value()]).await
    }

    async fn provider_apps(&mut self) -> Result<Vec<ProviderApp>, StoreError> {
        self.believed(PROVIDER_APPS, &[]).await
    }

    async fn remove_provider_app(&mut self, dev_id: &DevId, provider: &Provider) -> Result<bool, StoreError> {
        self.changes(REMOVE_PROVIDER_APP, &[dev_id.value(), provider.value()]).await
    }

    async fn touch_provider_app(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        used_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(TOUCH_PROVIDER_APP, &[used_at.value(), dev_id.value(), provider.value()]).await?;
        Ok(())
    }
}

impl Record for AppSecret {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { sealed: row.take()?, hint: row.take()?, headers: row.take::<Json<_>>()?.0 })
    }
}

impl Record for Option<PreviousSecret> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let sealed: Option<Sealed> = row.take()?;
        let (hint, headers): (Option<String>, Option<Json<_>>) = (row.take()?, row.take()?);
        let until: Option<Timestamp> = row.take()?;
        let all = sealed.zip(hint).zip(headers).zip(until);
        Ok(all.map(|(((sealed, hint), Json(headers)), until)| PreviousSecret {
            secret: AppSecret { sealed, hint, headers },
            until,
        }))
    }
}

impl Record for ProviderApp {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            dev_id: row.take()?,
            provider: row.take()?,
            client_id: row.take()?,
            secret: Record::read(row)?,
            previous: Record::read(row)?,
            created_at: row.take()?,
            changed_at: row.take()?,
            last_used_at: row.take()?,
            profile: row.take()?,
        })
    }
}
