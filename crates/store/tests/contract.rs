//! Both engines keep the store contract.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use secrecy::SecretString;
use tempfile::TempDir;
use terra_auth_model::store::Store;
use terra_auth_store::open;
use terra_auth_testkit::{Database, Postgres, contract::EmptyStore, store_contract};

store_contract!(sqlite: InAFile, memory: InMemory, postgres: InADatabase, unprepared: Unprepared);

struct InAFile(TempDir);

impl EmptyStore for InAFile {
    async fn fresh() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self) -> Store {
        open(&format!("sqlite://{}", self.0.path().join("store.db").display()).into()).await.unwrap()
    }
}

/// Lasts as long as somebody holds it.
struct InMemory(Store);

impl EmptyStore for InMemory {
    async fn fresh() -> Self {
        Self(open(&"sqlite::memory:".into()).await.unwrap())
    }

    async fn open(&self) -> Store {
        self.0.clone()
    }
}

struct InADatabase(Database);

impl EmptyStore for InADatabase {
    async fn fresh() -> Self {
        Self(Postgres::start().database())
    }

    async fn open(&self) -> Store {
        open(&SecretString::from(self.0.url())).await.unwrap()
    }
}

/// The same as behind a transaction pooler: no statement is prepared ahead.
struct Unprepared(Database);

impl EmptyStore for Unprepared {
    async fn fresh() -> Self {
        Self(Postgres::start().database())
    }

    async fn open(&self) -> Store {
        open(&SecretString::from(format!("{}&statement_cache=off", self.0.url()))).await.unwrap()
    }
}
