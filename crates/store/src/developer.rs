//! Developers.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    developer::{Developer, Developers, RetiringSecret},
    keys::Sealed,
    lock::Lock,
    store_error::StoreError,
};
use terra_auth_types::{DevId, wire::admin::SignWith};

use crate::{
    engine::{Database, Lock as RowLock, LockMode, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "dev_id, environment, name, logo_url, accent, user_limit, providers, redirect_allow_list, keep_user_id,
        bound_tokens_only, signing_secret, retiring_secret, retiring_until_ms, sign_with, status, created_at_ms"
    };
}

/// The columns of a developer, the URL of its first destination, and the MAC.
macro_rules! with_destination {
    () => {
        concat!(
            columns!(),
            ", (SELECT url FROM destination WHERE destination.dev_id = developer.dev_id
                ORDER BY destination.created_at_ms, destination.destination_id LIMIT 1), mac",
        )
    };
}

statements! {
    ADD_DEVELOPER: Sql::plain(concat!(
        "INSERT INTO developer (", columns!(), ", mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            $16, $17)
        ON CONFLICT (dev_id) DO NOTHING",
    ));
    UPDATE_DEVELOPER: Sql::plain(
        "UPDATE developer SET name = $1, logo_url = $2, accent = $3, user_limit = $4, providers = $5,
            redirect_allow_list = $6, keep_user_id = $7, bound_tokens_only = $8, signing_secret = $9,
            retiring_secret = $10, retiring_until_ms = $11, sign_with = $12, status = $13, mac = $14
        WHERE dev_id = $15",
    );
    DEVELOPER: Sql::plain(concat!("SELECT ", with_destination!(), " FROM developer WHERE dev_id = $1"));
    LOCK_DEVELOPER: Sql::locking(
        concat!("SELECT ", with_destination!(), " FROM developer WHERE dev_id = $1"), RowLock::ForUpdate, "",
    );
    DEVELOPERS: Sql::plain(concat!("SELECT ", with_destination!(), " FROM developer ORDER BY dev_id"));
    // Also deletes its keys, sessions, deliveries and counts. Fails while there is a connection. It scans all sessions:
    // they expire, and an index would slow down each insert.
    REMOVE_DEVELOPER: Sql::plain("DELETE FROM developer WHERE dev_id = $1");
}

#[async_trait]
impl<D: Database> Developers for Queries<D> {
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError> {
        let mac = self.mark_of(developer);
        let (retiring_secret, retiring_until, sign_with) = retiring(developer);
        let values = [
            developer.dev_id.value(),
            developer.environment.value(),
            developer.name.value(),
            developer.logo_url.value(),
            developer.accent.value(),
            developer.user_limit.value(),
            providers(developer)?,
            Value::json(&developer.redirect_allow_list)?,
            developer.keep_user_id.value(),
            developer.bound_tokens_only.value(),
            developer.signing_secret.value(),
            retiring_secret.value(),
            retiring_until.value(),
            sign_with.value(),
            developer.status.value(),
            developer.created_at.value(),
            mac.value(),
        ];
        self.changes(ADD_DEVELOPER, &values).await
    }

    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError> {
        let mac = self.mark_of(developer);
        let (retiring_secret, retiring_until, sign_with) = retiring(developer);
        let values = [
            developer.name.value(),
            developer.logo_url.value(),
            developer.accent.value(),
            developer.user_limit.value(),
            providers(developer)?,
            Value::json(&developer.redirect_allow_list)?,
            developer.keep_user_id.value(),
            developer.bound_tokens_only.value(),
            developer.signing_secret.value(),
            retiring_secret.value(),
            retiring_until.value(),
            sign_with.value(),
            developer.status.value(),
            mac.value(),
            developer.dev_id.value(),
        ];
        self.changes(UPDATE_DEVELOPER, &values).await
    }

    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError> {
        self.believed_first(DEVELOPER, &[dev_id.value()]).await
    }

    async fn lock_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError> {
        self.take_lock(Lock::Environment(dev_id).key(), LockMode::Exclusive).await?;
        self.believed_first(LOCK_DEVELOPER, &[dev_id.value()]).await
    }

    async fn lock_developer_shared(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError> {
        self.take_lock(Lock::Environment(dev_id).key(), LockMode::Shared).await?;
        self.believed_first(DEVELOPER, &[dev_id.value()]).await
    }

    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError> {
        self.believed(DEVELOPERS, &[]).await
    }

    async fn remove_developer(&mut self, dev_id: &DevId) -> Result<bool, StoreError> {
        self.changes(REMOVE_DEVELOPER, &[dev_id.value()]).await
    }
}

fn providers(developer: &Developer) -> Result<Value<'_>, StoreError> {
    developer.providers.as_ref().map_or(Ok(Value::Null), Value::json)
}

type Retiring<S> = (Option<S>, Option<Timestamp>, Option<SignWith>);

fn retiring(developer: &Developer) -> Retiring<&Sealed> {
    let retiring = developer.retiring_secret.as_ref();
    let secret = retiring.map(|retiring| &retiring.secret);
    (secret, retiring.map(|retiring| retiring.until), retiring.map(|retiring| retiring.sign_with))
}

impl Record for Option<RetiringSecret> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let (secret, until, sign_with): Retiring<_> = (row.take()?, row.take()?, row.take()?);
        let all = secret.zip(until).zip(sign_with);
        Ok(all.map(|((secret, until), sign_with)| RetiringSecret { secret, until, sign_with }))
    }
}

impl Record for Developer {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            dev_id: row.take()?,
            environment: row.take()?,
            name: row.take()?,
            logo_url: row.take()?,
            accent: row.take()?,
            user_limit: row.take()?,
            providers: row.take::<Option<Json<_>>>()?.map(|Json(providers)| providers),
            redirect_allow_list: row.take::<Json<_>>()?.0,
            keep_user_id: row.take()?,
            bound_tokens_only: row.take()?,
            signing_secret: row.take()?,
            retiring_secret: Record::read(row)?,
            status: row.take()?,
            created_at: row.take()?,
            destination: row.take()?,
        })
    }
}
