//! Every statement is prepared on both databases: what a compiler would check elsewhere is checked here.

use std::collections::BTreeSet;

use secrecy::SecretString;
use terra_auth_testkit::Postgres as TestServer;

use crate::{
    admin_token, api_key, audit, connection, data_key, delivery, destination, developer,
    engine::{Database, Sql},
    event, grant, housekeeping, known_connection, login, mobile_token,
    postgres::{Postgres, Transaction as PostgresTransaction},
    provider_app, receipt, received_event, revocation, row_mac,
    sqlite::{Transaction as SqliteTransaction, open_in_memory},
    vault, widget_session,
};

fn all() -> impl Iterator<Item = &'static (&'static str, Sql)> {
    let files = [
        admin_token::STATEMENTS,
        api_key::STATEMENTS,
        audit::STATEMENTS,
        connection::STATEMENTS,
        data_key::STATEMENTS,
        delivery::STATEMENTS,
        destination::STATEMENTS,
        developer::STATEMENTS,
        event::STATEMENTS,
        login::STATEMENTS,
        grant::STATEMENTS,
        housekeeping::STATEMENTS,
        known_connection::STATEMENTS,
        mobile_token::STATEMENTS,
        provider_app::STATEMENTS,
        receipt::STATEMENTS,
        received_event::STATEMENTS,
        revocation::STATEMENTS,
        row_mac::STATEMENTS,
        vault::STATEMENTS,
        widget_session::STATEMENTS,
    ];
    files.into_iter().flatten()
}

fn text<D: Database>(sql: &Sql) -> String {
    sql.text::<D>().into_owned()
}

/// The numbers of a statement's parameters as they first appear.
fn parameters(text: &str) -> Vec<usize> {
    let mut seen = Vec::new();
    for part in text.split('$').skip(1) {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let number = digits.parse().expect("$ stands before a number");
        if !seen.contains(&number) {
            seen.push(number);
        }
    }
    seen
}

#[test]
fn parameters_first_appear_in_order() {
    assert_eq!(parameters("$2 $1 $2"), [2, 1]);
    for (name, sql) in all() {
        let parameters = parameters(&text::<SqliteTransaction<'_>>(sql));
        assert_eq!(parameters, (1..=parameters.len()).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn every_statement_can_be_prepared_by_sqlite() {
    let connection = open_in_memory().unwrap();
    for (name, sql) in all() {
        let statement =
            connection.prepare(&text::<SqliteTransaction<'_>>(sql)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(statement.parameter_count(), parameters(&text::<SqliteTransaction<'_>>(sql)).len(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared_by_postgres() {
    let database = TestServer::start().database();
    let client = Postgres::connect(&SecretString::from(database.url())).await.unwrap().client().await.unwrap();
    for (name, sql) in all() {
        let text = text::<PostgresTransaction<'_>>(sql);
        let statement = client.prepare(&text).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(statement.params().len(), parameters(&text).len(), "{name}");
    }
}

#[test]
fn no_statement_scans_a_growing_table() {
    let connection = open_in_memory().unwrap();
    for (name, sql) in all() {
        let explain = format!("EXPLAIN QUERY PLAN {}", text::<SqliteTransaction<'_>>(sql));
        let mut statement = connection.prepare(&explain).unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let plan =
            statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>("detail")).unwrap();
        for step in plan.map(Result::unwrap) {
            let walks = step.starts_with("SCAN")
                && !["due", "gone", " queue", "CONSTANT ROW"].iter().any(|few| step.ends_with(few));
            // The deliveries of one event, at most one for each destination.
            let sorts_one_event = name.starts_with("LIST_DELIVERIES") && step.ends_with("LAST TERM OF ORDER BY");
            let sorts = step.contains("TEMP B-TREE") && !sorts_one_event;
            assert!(
                !walks
                    || [
                        "ADMIN_TOKENS",
                        "ALL_DESTINATIONS",
                        "API_KEYS",
                        "DATA_KEYS",
                        "DEAD_FORWARDS",
                        "DEVELOPERS",
                        "MARK_IN_DOUBT",
                        "PROVIDER_APPS",
                        "REMOVE_DEVELOPER",
                        "RELEASE_DELIVERIES",
                        "RELEASE_REVOCATIONS",
                        "REPLAY_DEAD",
                        "RESCHEDULE_DELIVERIES",
                        "RESCHEDULE_REVOCATIONS",
                        "WAITING_DELIVERIES",
                        "WAITING_FORWARDS",
                        "WAITING_REVOCATIONS"
                    ]
                    .contains(name),
                "{name}: {step}"
            );
            assert!(
                !sorts
                    || [
                        "ADMIN_TOKENS",
                        "API_KEYS",
                        "CONNECTIONS_OF_ACCOUNT",
                        "DELIVERY_ATTEMPTS",
                        "DELIVERY_QUEUES",
                        "LOCK_GRANTS_OF_ACCOUNT",
                        "REVOCATION_QUEUES",
                        "SESSION_OF_USER"
                    ]
                    .contains(name),
                "{name}: {step}"
            );
        }
    }
}

/// Name, type and whether it may be null.
type Columns = BTreeSet<(String, String, String, bool)>;

fn sqlite_schema() -> (Columns, BTreeSet<String>) {
    let connection = open_in_memory().unwrap();
    let columns = "SELECT t.name, c.name, c.type, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name <> 'schema_migrations'";
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let mut columns = connection.prepare(columns).unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let mut indexes = connection.prepare(indexes).unwrap();
    let indexes = indexes.query_map([], |row| row.get(0)).unwrap();
    (columns.map(Result::unwrap).collect(), indexes.map(Result::unwrap).collect())
}

async fn postgres_schema() -> (Columns, BTreeSet<String>) {
    let database = TestServer::start().database();
    let client = Postgres::connect(&SecretString::from(database.url())).await.unwrap().client().await.unwrap();
    let columns = "SELECT table_name::text, column_name::text, CASE data_type WHEN 'bigint' THEN 'INTEGER'
            WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT' ELSE data_type END, is_nullable = 'YES'
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'";
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public'
        AND indexname NOT IN (SELECT conname FROM pg_constraint)";
    let columns = client.query(columns, &[]).await.unwrap();
    let columns = columns.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let indexes = client.query(indexes, &[]).await.unwrap();
    (columns, indexes.iter().map(|row| row.get(0)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_columns_and_indexes() {
    let (sqlite, postgres) = (sqlite_schema(), postgres_schema().await);
    assert!(sqlite.0.len() > 50 && sqlite.1.len() > 8);
    assert_eq!(sqlite, postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_sorts_by_its_bytes_in_postgres() {
    let database = TestServer::start().database();
    let client = Postgres::connect(&SecretString::from(database.url())).await.unwrap().client().await.unwrap();
    let others = "SELECT COUNT(*) FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'schema_migrations' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    assert_eq!(client.query_one(others, &[]).await.unwrap().get::<_, i64>(0), 0);
}
