//! A store with a sealed value in every column, and nodes on it.

use serde_json::json;
use terra_auth_core::{Auth, admin::action::Admin, developer::NewDeveloper, vault::ColumnCount};
use terra_auth_model::{
    clock::{Clock as _, SystemClock, SystemEntropy},
    connection::Connection,
    keys::{KeyRing, MasterKey, MasterKeys, OpenVaultError, SealContext},
    provider::Tokens,
    revocation::Revocation,
    store::Store,
    vault::SealedColumn,
};
use terra_auth_store::{Postgres, Sqlite};
use terra_auth_testkit::{Database, Fixtures, Postgres as TestServer, StoreExt as _};
use terra_auth_types::{
    DevId, Environment, Provider,
    wire::admin::{RotateProviderApp, RotateSigningSecret, SetProviderApp},
};

/// A text that every access token contains, and nothing else.
pub(crate) const TOKEN: &str = "access-token-not-a-secret";

pub(crate) fn master(byte: u8) -> MasterKey {
    MasterKey([byte; 32].into())
}

/// Creates master keys; the first one is the current one.
pub(crate) fn masters(bytes: &[u8]) -> MasterKeys {
    MasterKeys::new(master(bytes[0]), bytes[1..].iter().map(|byte| master(*byte)).collect())
}

pub(crate) fn admin() -> Admin {
    Admin::local("test")
}

pub(crate) fn in_memory() -> Store {
    Store::new(Sqlite::in_memory().unwrap())
}

/// Creates a database that is deleted when the handle is dropped.
pub(crate) async fn postgres() -> (Store, Database) {
    let database = TestServer::start().database();
    (Store::new(Postgres::connect(&database.url().into()).await.unwrap()), database)
}

pub(crate) async fn start(store: &Store, keys: &[u8]) -> Result<Auth, OpenVaultError> {
    let keys = KeyRing::open_in(store, masters(keys), &SystemEntropy, SystemClock.now()).await?;
    let auth = terra_auth_testkit::auth_with_keys(store.clone(), keys);
    auth.reload().await?;
    Ok(auth)
}

pub(crate) fn tokens(number: usize) -> Tokens {
    Tokens { access_token: format!("{TOKEN}-{number}").into(), refresh_token: None, expires_at: None }
}

pub(crate) fn seal(auth: &Auth, connection: &Connection, number: usize) -> Connection {
    let row = connection.user_id.to_string();
    let place = SealContext { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
    let grant = Some(auth.keys().seal(auth.entropy().as_ref(), place, &tokens(number).to_json()));
    Connection { grant, ..connection.clone() }
}

/// Decrypts the tokens of a connection.
pub(crate) fn opened(auth: &Auth, connection: &Connection) -> String {
    let row = connection.user_id.to_string();
    let place = SealContext { dev_id: connection.dev_id.as_str(), row: &row, column: "grant" };
    let opened = auth.keys().open(place, connection.grant.as_ref().unwrap()).unwrap();
    String::from_utf8(opened.to_vec()).unwrap()
}

/// Adds an environment with four sealed values (an app and a signing secret, each with a previous one), and two
/// for each connection: its own, and that of a pending revocation.
pub(crate) async fn fill(auth: &Auth, connections: usize) -> (DevId, Vec<Connection>) {
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let dev_id = auth.create_developer(&admin(), new).await.unwrap().dev_id;
    auth.rotate_signing_secret(&admin(), &dev_id, RotateSigningSecret::default()).await.unwrap();
    replace_app(auth, &dev_id).await;
    let developer = auth.directory().developer(&dev_id).unwrap();
    let (rows, mut added) = (Fixtures::default(), Vec::new());
    for number in 0..connections {
        let connection = seal(auth, &rows.connection(&developer), number);
        auth.store().add_connection(&connection).await.unwrap();
        let owed = seal(auth, &rows.connection(&developer), number);
        auth.store().add_revocation(&Revocation::of(&owed, Fixtures::NOW)).await.unwrap();
        added.push(connection);
    }
    (dev_id, added)
}

async fn replace_app(auth: &Auth, dev_id: &DevId) {
    let provider: Provider = "FITBIT".parse().unwrap();
    let set = json!({ "client_id": "acme", "client_secret": format!("{TOKEN}-old") });
    let set: SetProviderApp = serde_json::from_value(set).unwrap();
    auth.set_provider_app(&admin(), dev_id, &provider, &set).await.unwrap();
    let how = json!({ "client_secret": format!("{TOKEN}-new") });
    let how: RotateProviderApp = serde_json::from_value(how).unwrap();
    auth.rotate_provider_app(&admin(), dev_id, &provider, &how).await.unwrap();
}

/// Asserts that every value can be decrypted. Returns the number of values, and of those that an older key encrypted.
pub(crate) async fn assert_all_decrypt(auth: &Auth) -> (u64, u64) {
    let counts = auth.verify_vault(|column, value| panic!("{column:?} {value:?}")).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.column).collect::<Vec<_>>(), SealedColumn::ALL);
    let sum = |of: fn(&ColumnCount) -> u64| counts.iter().map(of).sum();
    (sum(|count| count.values), sum(|count| count.older))
}
