//! All sealed values, for rotation, check and reset.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    developer::Developer,
    keys::Sealed,
    provider_app::ProviderApp,
    store_error::StoreError,
    vault::{SealedColumn, SealedValue, SealedValues},
};
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{RevocationOutcome, RevocationReason},
};
use uuid::Uuid;

use crate::{
    developer::LOCK_DEVELOPER,
    engine::{Database, Queries, Sql, statements},
    provider_app::LOCK_PROVIDER_APP,
    value::{Parameter as _, Record, Row, Value, failed},
};

statements! {
    GRANTS: Sql::plain(
        "SELECT dev_id, user_id, sealed_grant FROM connection
        WHERE (dev_id, user_id) > ($1, $2) AND sealed_grant IS NOT NULL ORDER BY dev_id, user_id LIMIT $3",
    );
    OWED_GRANTS: Sql::plain(
        "SELECT dev_id, user_id, sealed_grant FROM revocation
        WHERE user_id > $1 AND sealed_grant IS NOT NULL ORDER BY user_id LIMIT $2",
    );
    SIGNING_SECRETS: Sql::plain(
        "SELECT dev_id, signing_secret FROM developer WHERE dev_id > $1 ORDER BY dev_id LIMIT $2",
    );
    RETIRING_SECRETS: Sql::plain(
        "SELECT dev_id, retiring_secret FROM developer
        WHERE dev_id > $1 AND retiring_secret IS NOT NULL ORDER BY dev_id LIMIT $2",
    );
    APP_SECRETS: Sql::plain(
        "SELECT dev_id, provider, sealed_secret FROM provider_app
        WHERE (dev_id, provider) > ($1, $2) ORDER BY dev_id, provider LIMIT $3",
    );
    PREVIOUS_APP_SECRETS: Sql::plain(
        "SELECT dev_id, provider, previous_secret FROM provider_app
        WHERE (dev_id, provider) > ($1, $2) AND previous_secret IS NOT NULL ORDER BY dev_id, provider LIMIT $3",
    );
    RESEAL_GRANT: Sql::plain(
        "UPDATE connection SET sealed_grant = $1 WHERE dev_id = $2 AND user_id = $3 AND sealed_grant = $4",
    );
    RESEAL_OWED_GRANT: Sql::plain(
        "UPDATE revocation SET sealed_grant = $1 WHERE user_id = $2 AND sealed_grant = $3",
    );
    RESEAL_SIGNING_SECRET: Sql::plain(
        "UPDATE developer SET signing_secret = $1 WHERE dev_id = $2 AND signing_secret = $3",
    );
    RESEAL_RETIRING_SECRET: Sql::plain(
        "UPDATE developer SET retiring_secret = $1 WHERE dev_id = $2 AND retiring_secret = $3",
    );
    RESEAL_APP_SECRET: Sql::plain(
        "UPDATE provider_app SET sealed_secret = $1 WHERE dev_id = $2 AND provider = $3 AND sealed_secret = $4",
    );
    RESEAL_PREVIOUS_APP_SECRET: Sql::plain(
        "UPDATE provider_app SET previous_secret = $1 WHERE dev_id = $2 AND provider = $3 AND previous_secret = $4",
    );
    DELETE_GRANT: Sql::plain(
        "UPDATE connection SET sealed_grant = NULL, active = 0, grant_state = 'needs_consent', expires_at_ms = NULL,
            refresh_at_ms = NULL, in_flight_since_ms = NULL, lease = lease + 1, lease_until_ms = NULL
        WHERE dev_id = $1 AND user_id = $2 AND sealed_grant = $3",
    );
    DELETE_OWED_GRANT: Sql::plain(
        "UPDATE revocation SET sealed_grant = NULL, in_flight_since_ms = NULL, state = $1, reason = $2, ended_at_ms = $3
        WHERE user_id = $4 AND sealed_grant = $5",
    );
    DELETE_RETIRING_SECRET: Sql::plain(
        "UPDATE developer SET retiring_secret = NULL, retiring_until_ms = NULL, sign_with = NULL
        WHERE dev_id = $1 AND retiring_secret = $2",
    );
    DELETE_PREVIOUS_APP_SECRET: Sql::plain(
        "UPDATE provider_app SET previous_secret = NULL, previous_hint = NULL, previous_headers = NULL,
            previous_until_ms = NULL
        WHERE dev_id = $1 AND provider = $2 AND previous_secret = $3",
    );
}

#[async_trait]
impl<D: Database> SealedValues for Queries<D> {
    async fn sealed_values(
        &mut self,
        column: SealedColumn,
        after: Option<&SealedValue>,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError> {
        // The empty text and empty bytes sort first.
        let dev_id = after.map_or("", |value| value.dev_id.as_str());
        let user_id = || after.map(user_id).transpose();
        match column {
            SealedColumn::Grant => {
                let user_id = user_id()?;
                let user_id = user_id.as_ref().map_or(Value::Bytes(&[]), |id| id.value());
                let found: Vec<OfUser> = self.all(GRANTS, &[dev_id.value(), user_id, limit.value()]).await?;
                Ok(found.into_iter().map(|OfUser(value)| value).collect())
            }
            SealedColumn::OwedGrant => {
                let user_id = user_id()?;
                let user_id = user_id.as_ref().map_or(Value::Bytes(&[]), |id| id.value());
                let found: Vec<OfUser> = self.all(OWED_GRANTS, &[user_id, limit.value()]).await?;
                Ok(found.into_iter().map(|OfUser(value)| value).collect())
            }
            SealedColumn::SigningSecret => self.of_developers(SIGNING_SECRETS, dev_id, limit).await,
            SealedColumn::RetiringSecret => self.of_developers(RETIRING_SECRETS, dev_id, limit).await,
            SealedColumn::AppSecret => self.of_apps(APP_SECRETS, after, limit).await,
            SealedColumn::PreviousAppSecret => self.of_apps(PREVIOUS_APP_SECRETS, after, limit).await,
        }
    }

    async fn reseal(&mut self, column: SealedColumn, old: &SealedValue, new: &Sealed) -> Result<bool, StoreError> {
        let (dev_id, sealed) = (old.dev_id.value(), old.sealed.value());
        match column {
            SealedColumn::Grant => {
                self.changes(RESEAL_GRANT, &[new.value(), dev_id, user_id(old)?.value(), sealed]).await
            }
            SealedColumn::OwedGrant => {
                self.changes(RESEAL_OWED_GRANT, &[new.value(), user_id(old)?.value(), sealed]).await
            }
            SealedColumn::SigningSecret => {
                self.change_developer(old, RESEAL_SIGNING_SECRET, &[new.value(), dev_id, sealed]).await
            }
            SealedColumn::RetiringSecret => {
                self.change_developer(old, RESEAL_RETIRING_SECRET, &[new.value(), dev_id, sealed]).await
            }
            SealedColumn::AppSecret => {
                let values = [new.value(), dev_id, old.row.as_str().value(), sealed];
                self.change_app(old, RESEAL_APP_SECRET, &values).await
            }
            SealedColumn::PreviousAppSecret => {
                let values = [new.value(), dev_id, old.row.as_str().value(), sealed];
                self.change_app(old, RESEAL_PREVIOUS_APP_SECRET, &values).await
            }
        }
    }

    async fn discard_sealed(
        &mut self,
        column: SealedColumn,
        value: &SealedValue,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (dev_id, sealed) = (value.dev_id.value(), value.sealed.value());
        match column {
            SealedColumn::Grant => self.changes(DELETE_GRANT, &[dev_id, user_id(value)?.value(), sealed]).await,
            SealedColumn::OwedGrant => {
                let (outcome, reason) = (RevocationOutcome::Impossible, RevocationReason::TokensUnreadable);
                let ended = [outcome.value(), reason.value(), now.value()];
                self.changes(DELETE_OWED_GRANT, &[&ended[..], &[user_id(value)?.value(), sealed]].concat()).await
            }
            SealedColumn::RetiringSecret => {
                self.change_developer(value, DELETE_RETIRING_SECRET, &[dev_id, sealed]).await
            }
            SealedColumn::PreviousAppSecret => {
                let values = [dev_id, value.row.as_str().value(), sealed];
                self.change_app(value, DELETE_PREVIOUS_APP_SECRET, &values).await
            }
            SealedColumn::SigningSecret | SealedColumn::AppSecret => Ok(false),
        }
    }
}

impl<D: Database> Queries<D> {
    /// Changes a sealed value of an environment, and its MAC.
    async fn change_developer(&mut self, of: &SealedValue, sql: Sql, values: &[Value<'_>]) -> Result<bool, StoreError> {
        self.change_marked::<Developer>((LOCK_DEVELOPER, &[of.dev_id.value()]), sql, values).await
    }

    /// Changes a sealed value of a provider app, and its MAC.
    async fn change_app(&mut self, of: &SealedValue, sql: Sql, values: &[Value<'_>]) -> Result<bool, StoreError> {
        let key = [of.dev_id.value(), of.row.as_str().value()];
        self.change_marked::<ProviderApp>((LOCK_PROVIDER_APP, &key), sql, values).await
    }

    async fn of_developers(&mut self, sql: Sql, after: &str, limit: u32) -> Result<Vec<SealedValue>, StoreError> {
        let found: Vec<OfDeveloper> = self.all(sql, &[after.value(), limit.value()]).await?;
        Ok(found.into_iter().map(|OfDeveloper(value)| value).collect())
    }
}

impl<D: Database> Queries<D> {
    async fn of_apps(
        &mut self,
        sql: Sql,
        after: Option<&SealedValue>,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let (dev_id, provider) = after.map_or(("", ""), |value| (value.dev_id.as_str(), value.row.as_str()));
        let found: Vec<OfApp> = self.all(sql, &[dev_id.value(), provider.value(), limit.value()]).await?;
        Ok(found.into_iter().map(|OfApp(value)| value).collect())
    }
}

fn user_id(value: &SealedValue) -> Result<UserId, StoreError> {
    value.row.parse::<Uuid>().map(UserId).map_err(failed)
}

struct OfUser(SealedValue);

impl Record for OfUser {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let (dev_id, user_id): (DevId, UserId) = (row.take()?, row.take()?);
        Ok(Self(SealedValue { dev_id, row: user_id.to_string(), sealed: row.take()? }))
    }
}

struct OfDeveloper(SealedValue);

impl Record for OfDeveloper {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self(SealedValue { dev_id: row.take()?, row: "developer".to_owned(), sealed: row.take()? }))
    }
}

struct OfApp(SealedValue);

impl Record for OfApp {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self(SealedValue { dev_id: row.take()?, row: row.take()?, sealed: row.take()? }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use terra_auth_model::vault::SealedColumn;

    use crate::sqlite::open_in_memory;

    /// Digests, MACs, wrapped keys, and received bodies. Ids are recognized by their names.
    const NOT_SEALED: [&str; 14] = [
        "admin_token.digest",
        "admin_token.mac",
        "api_key.digest",
        "api_key.mac",
        "audit_head.mac",
        "audit_record.mac",
        "data_key.wrapped",
        "data_key.wrapped_by",
        "destination.mac",
        "developer.mac",
        "provider_app.mac",
        "received_event.body",
        "received_event.digest",
        "widget_session.secret_digest",
    ];

    #[test]
    fn each_binary_column_is_checked_by_the_vault_or_listed_as_public() {
        let connection = open_in_memory().unwrap();
        let columns = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c
            WHERE t.type = 'table' AND c.type = 'BLOB' AND c.name NOT GLOB '*_id'";
        let mut columns = connection.prepare(columns).unwrap();
        let found: BTreeSet<String> = columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let known = SealedColumn::ALL.map(SealedColumn::as_str).into_iter().chain(NOT_SEALED);
        assert_eq!(found, known.map(str::to_owned).collect());
    }
}
