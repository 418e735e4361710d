//! `terra-auth vault`: the keys that everything secret in a server's store is sealed with.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth::wire::admin::{VaultKey, VaultRotation, VaultRotationState, VaultStatus};
use terra_auth_core::{Auth, vault::ColumnCount};
use tokio::time::Duration;

use crate::{
    app::{self, App},
    command::{admin::access::Access, users::minute},
    failure::{Advice, Kind},
    keeping::Keeping,
    node,
    opening::in_use,
    ui::{Ui, table},
};

mod reset;
mod rotate;

/// Check and rotate the keys that encrypt a server's secrets
///
/// These commands open the store themselves, with the server's own settings and master key. Servers on the same PostgreSQL may
/// go on meanwhile, but for a reset. A SQLite file is open in one process only: `status` and `rotate` can ask its server with
/// --server, for all else end it first.
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

/// Show the keys, and how many values are left for a rotation
///
/// With --server the server is asked, and says how far its rotation is instead.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth vault status",
    "terra-auth vault status --output json | jq .older_values",
    "terra-auth vault status --server https://auth.acme.example",
])]
pub(crate) struct Status {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    keeping: Keeping,
}

/// Open every sealed value, and say where those are that do not open
///
/// No value is shown. Exits with 11 if one does not open.
#[derive(Args)]
#[command(after_help = examples!["terra-auth vault verify", "terra-auth vault verify --output json | jq .broken"])]
pub(crate) struct Verify {
    #[command(flatten)]
    keeping: Keeping,
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::wait(async {
            match self {
                Self::Status(args) => args.run(app).await,
                Self::Verify(args) => args.run(app.ui).await,
                Self::Rotate(args) => args.run(app).await,
                Self::Reset(args) => args.run(app.ui).await,
            }
        })?
    }
}

async fn open(keeping: &Keeping) -> anyhow::Result<Auth> {
    keeping.must_be_there()?;
    node::offline(&keeping.store(), keeping.master_keys()?).await.map_err(|error| in_use(error, IN_USE))
}

/// A SQLite file that a server has open: that server can do it.
const IN_USE: &str =
    "end that server, or let it do the work if this is `status` or `rotate`: add --server with its address";

impl Status {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        if let Some(server) = self.access.flag() {
            let status = self.access.open_at(app, &server)?.vault_status().await;
            let status = status.context("could not ask for the vault's status")?;
            return app.ui.result(|| shown(&status, &how_far(&status.rotation)), &status);
        }
        let auth = open(&self.keeping).await?;
        let status = auth.vault_status().await?;
        let counts = auth.verify_vault(|_, _| {}).await?;
        let older: u64 = counts.iter().map(|count| count.older).sum();
        let VaultStatus { data_keys, master_keys, .. } = &status;
        let json = json!({ "data_keys": data_keys, "master_keys": master_keys, "older_values": older });
        let left = format!("{older} values are still sealed with an older key than the current one");
        app.ui.result(|| shown(&status, &left), &json)
    }
}

fn shown(status: &VaultStatus, left: &str) -> String {
    let rows = status.data_keys.iter().map(|key| {
        let VaultKey { purpose, number, state, master_key, created_at } = key;
        [purpose.clone(), number.to_string(), state.as_str().to_owned(), master_key.clone(), minute(*created_at)]
    });
    format!("{}\n\n{left}", table(["purpose", "number", "state", "master key", "created"], rows))
}

fn how_far(rotation: &VaultRotation) -> String {
    let VaultRotation { data_key, state, looked_at, resealed, failure } = rotation;
    match (state, failure) {
        (VaultRotationState::Done, _) => format!("everything is sealed with data key {data_key}"),
        (VaultRotationState::Running, _) => {
            format!("a rotation to data key {data_key} runs: {looked_at} values looked at, {resealed} sealed anew")
        }
        (VaultRotationState::Unfinished, None) => {
            format!("the rotation to data key {data_key} is not done; `terra-auth vault rotate` goes on with it")
        }
        (VaultRotationState::Unfinished, Some(failure)) => {
            format!("the rotation to data key {data_key} stopped: {failure}")
        }
    }
}

/// The most values that are named one by one.
const NAMED: usize = 1000;

impl Verify {
    async fn run(self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.keeping).await?;
        let mut named = Vec::new();
        let counts = auth.verify_vault(|column, value| {
            if named.len() < NAMED {
                named.push([value.dev_id.to_string(), value.row.clone(), column.as_str().to_owned()]);
            }
        });
        let counts = counts.await.context("could not read every value")?;
        let broken: u64 = counts.iter().map(|count| count.broken).sum();
        ui.result(|| plain(&counts, &named), &as_json(&counts, &named))?;
        if broken == 0 {
            return Ok(());
        }
        let next = "restore these rows from a backup, or have their end users connect again";
        Err(Advice::new(Kind::FoundErrors, format!("{broken} sealed values do not open"), next).into())
    }
}

fn plain(counts: &[ColumnCount], named: &[[String; 3]]) -> String {
    let rows = counts.iter().map(|count| {
        [count.column.as_str().to_owned(), count.values.to_string(), count.older.to_string(), count.broken.to_string()]
    });
    let counts = table(["where", "values", "older key", "do not open"], rows);
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

/// Progress is not news more often.
const SAYS_EVERY: Duration = Duration::from_secs(2);
