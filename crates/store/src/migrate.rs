//! Migrates a database to the schema of this program. There are no downgrades.

use std::future::Future;

use aws_lc_rs::digest::{SHA256, digest};
use terra_auth_model::store_error::StoreError;

use crate::{
    engine::Database,
    value::{Parameter as _, Row},
};

/// Why a database cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database has migrations that this program does not know.
    #[error("the store was written by a newer terra-auth: it has schema {found}, this version supports {known}")]
    Newer {
        /// The latest migration in the database.
        found: usize,
        /// The latest migration in this program.
        known: usize,
    },
    /// A migration differs from the one that the database ran.
    #[error("migration {0} of the store differs from that of this terra-auth")]
    Changed(usize),
    /// The database failed.
    #[error("could not migrate the store")]
    Store(#[from] StoreError),
}

/// A database that can also run many statements at once.
pub(crate) trait Migrated: Database {
    /// The migrations in their order.
    const MIGRATIONS: &'static [&'static str];

    /// Runs statements without parameters.
    fn script(&mut self, text: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL)";
const APPLIED: &str = "SELECT checksum FROM schema_migrations ORDER BY number";
const APPLY: &str = "INSERT INTO schema_migrations (number, checksum) VALUES ($1, $2)";

/// Runs the missing migrations in one transaction.
pub(crate) async fn migrate<D: Migrated>(database: &mut D) -> Result<(), MigrateError> {
    database.script(TABLE).await?;
    let applied = applied(database).await?;
    if applied.len() > D::MIGRATIONS.len() {
        return Err(MigrateError::Newer { found: applied.len(), known: D::MIGRATIONS.len() });
    }
    for (number, text) in (1..).zip(D::MIGRATIONS) {
        let checksum = checksum(text);
        match applied.get(number - 1) {
            Some(found) if *found == checksum => {}
            Some(_) => return Err(MigrateError::Changed(number)),
            None => {
                database.script(text).await?;
                database.execute(APPLY, &[(number as u64).value(), checksum.value()]).await?;
            }
        }
    }
    Ok(())
}

async fn applied<D: Database>(database: &mut D) -> Result<Vec<String>, StoreError> {
    database.rows(APPLIED, &[]).await?.iter_mut().map(Row::take).collect()
}

fn checksum(text: &str) -> String {
    format!("{:x?}", digest(&SHA256, text.as_bytes()))
}
