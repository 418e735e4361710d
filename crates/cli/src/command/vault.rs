//! `terra-auth vault`: manages the keys that encrypt the secrets in a server's store.

mod reset;
mod rotate;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth::wire::admin::{VaultKey, VaultRotation, VaultRotationState, VaultStatus};
use terra_auth_core::{Auth, vault::ColumnCount};
use tokio::time::Duration;

use crate::{
    app::{self, App},
    command::{admin::access::AdminOptions, users::format_minute},
    failure::{CommandError, FailureKind},
    service::{node, open_options::with_in_use_remedy, storage_options::StorageOptions},
    terminal::ui::{Ui, table},
};

/// Check, rotate and reset the keys that encrypt a server's secrets
///
/// These commands open the store themselves, with the server's settings and master key. Servers on
/// the same PostgreSQL database can continue to run, except during a reset. Only one process can open
/// a SQLite file: use --server with `status` and `rotate`, and stop the server for the other commands.
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth vault status",
    "terra-auth vault verify",
    "terra-auth vault rotate",
    "terra-auth vault rotate --master",
    "terra-auth vault reset",
])]
pub(crate) enum Command {
    Status(Status),
    Verify(Verify),
    Rotate(rotate::Args),
    Reset(reset::Args),
}

/// Show the keys, and how many values a rotation still has to re-encrypt
///
/// With --server, the command calls the server, and shows the state of its rotation instead.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth vault status",
    "terra-auth vault status --output json | jq .older_values",
    "terra-auth vault status --server https://auth.acme.example",
])]
pub(crate) struct Status {
    #[command(flatten)]
    access: AdminOptions,
    #[command(flatten)]
    storage: StorageOptions,
}

/// Verify that every encrypted value can be decrypted, and list those that cannot
///
/// No value is shown. The exit code is 11 if a value cannot be decrypted.
#[derive(Args)]
#[command(after_help = examples!["terra-auth vault verify", "terra-auth vault verify --output json | jq .broken"])]
pub(crate) struct Verify {
    #[command(flatten)]
    storage: StorageOptions,
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::block_on(async {
            match self {
                Self::Status(args) => args.run(app).await,
                Self::Verify(args) => args.run(app.ui).await,
                Self::Rotate(args) => args.run(app).await,
                Self::Reset(args) => args.run(app.ui).await,
            }
        })?
    }
}

async fn open(storage: &StorageOptions) -> anyhow::Result<Auth> {
    storage.require_store()?;
    node::open_offline(&storage.store(), storage.master_keys()?)
        .await
        .map_err(|error| with_in_use_remedy(error, IN_USE))
}

/// The remedy if a server has the SQLite file open.
const IN_USE: &str = "stop that server; or, for `status` and `rotate`, call it with --server URL";

impl Status {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        if let Some(server) = self.access.server_option() {
            let status = self.access.client_for(app, &server)?.vault_status().await;
            let status = status.context("could not read the vault's status")?;
            return app.ui.result(|| shown(&status, &rotation_status(&status.rotation)), &status);
        }
        let auth = open(&self.storage).await?;
        let status = auth.vault_status().await?;
        let counts = auth.verify_vault(|_, _| {}).await?;
        let older: u64 = counts.iter().map(|count| count.older).sum();
        let VaultStatus { data_keys, master_keys, .. } = &status;
        let json = json!({ "data_keys": data_keys, "master_keys": master_keys, "older_values": older });
        let left = format!("{older} values are still encrypted with an older data key");
        app.ui.result(|| shown(&status, &left), &json)
    }
}

fn shown(status: &VaultStatus, left: &str) -> String {
    let rows = status.data_keys.iter().map(|key| {
        let VaultKey { purpose, number, state, master_key, created_at } = key;
        [purpose.clone(), number.to_string(), state.as_str().to_owned(), master_key.clone(), format_minute(*created_at)]
    });
    format!("{}\n\n{left}", table(["purpose", "number", "state", "master key", "created"], rows))
}

fn rotation_status(rotation: &VaultRotation) -> String {
    let VaultRotation { data_key, state, looked_at, resealed, failure } = rotation;
    match (state, failure) {
        (VaultRotationState::Done, _) => format!("all values are encrypted with data key {data_key}"),
        (VaultRotationState::Running, _) => {
            format!(
                "the rotation to data key {data_key} is running: {looked_at} values checked, {resealed} re-encrypted"
            )
        }
        (VaultRotationState::Unfinished, None) => {
            format!("the rotation to data key {data_key} is incomplete; continue it with `terra-auth vault rotate`")
        }
        (VaultRotationState::Unfinished, Some(failure)) => {
            format!("the rotation to data key {data_key} stopped: {failure}")
        }
    }
}

/// Maximum number of values that are listed individually.
const MAX_LISTED: usize = 1000;

impl Verify {
    async fn run(self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.storage).await?;
        let mut named = Vec::new();
        let counts = auth.verify_vault(|column, value| {
            if named.len() < MAX_LISTED {
                named.push([value.dev_id.to_string(), value.row.clone(), column.as_str().to_owned()]);
            }
        });
        let counts = counts.await.context("could not read all encrypted values")?;
        let broken: u64 = counts.iter().map(|count| count.broken).sum();
        ui.result(|| plain(&counts, &named), &as_json(&counts, &named))?;
        if broken == 0 {
            return Ok(());
        }
        let next = "restore these rows from a backup, or have their end users connect again";
        let message = format!("{broken} encrypted values cannot be decrypted");
        Err(CommandError::new(FailureKind::FoundErrors, message, next).into())
    }
}

fn plain(counts: &[ColumnCount], named: &[[String; 3]]) -> String {
    let rows = counts.iter().map(|count| {
        [count.column.as_str().to_owned(), count.values.to_string(), count.older.to_string(), count.broken.to_string()]
    });
    let counts = table(["column", "values", "older key", "not decryptable"], rows);
    if named.is_empty() {
        return counts;
    }
    format!("{}\n\n{counts}", table(["environment", "row", "column"], named.iter().cloned()))
}

fn as_json(counts: &[ColumnCount], named: &[[String; 3]]) -> serde_json::Value {
    let counts: Vec<_> = counts
        .iter()
        .map(|count| {
            json!({
                "column": count.column.as_str(), "values": count.values, "older": count.older, "broken": count.broken,
            })
        })
        .collect();
    let named: Vec<_> =
        named.iter().map(|[dev_id, row, column]| json!({ "dev_id": dev_id, "row": row, "column": column })).collect();
    json!({ "columns": counts, "broken": named })
}

/// Interval between progress messages.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);
