//! `terra-auth vault`: the keys that everything secret in a server's store is sealed with.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth_core::{
    Auth,
    admin::Admin,
    seal::DataKey,
    vault::{ColumnCount, NODES_HEAR_WITHIN, Progress, RotateError},
};
use tokio::time::{Duration, Instant};

use crate::{
    app::{self, App},
    command::users::minute,
    failure::{Advice, Kind},
    keeping::Keeping,
    node,
    ui::{Ui, table},
};

mod reset;

/// See, check and replace the keys that a server's secrets are sealed with
///
/// These commands open the store themselves, with the server's own settings and master key. Servers on the same PostgreSQL may
/// go on meanwhile; a SQLite file is open in one process only, so end its server first.
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
    Rotate(Rotate),
    Reset(reset::Args),
}

/// Show the keys, and how many values are left for a rotation
#[derive(Args)]
#[command(after_help = examples!["terra-auth vault status", "terra-auth vault status --output json | jq .older_values"])]
pub(crate) struct Status {
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

/// Seal everything with a new data key, or wrap the data keys with a new master key
///
/// A rotation that was cut off goes on with the next one. The old data key is kept, wrapped, for what is on its way; once no
/// value needs it, it retires.
#[derive(Args)]
#[command(after_help = examples!["terra-auth vault rotate", "terra-auth vault rotate --master"])]
pub(crate) struct Rotate {
    /// Only wrap the data keys with the current master key, so that the previous ones are not needed any more
    ///
    /// Before: give every server the new master key first and the old one after it, and start it again.
    #[arg(long)]
    master: bool,
    #[command(flatten)]
    keeping: Keeping,
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::wait(async {
            match self {
                Self::Status(args) => args.run(app.ui).await,
                Self::Verify(args) => args.run(app.ui).await,
                Self::Rotate(args) => args.run(app.ui).await,
                Self::Reset(args) => args.run(app.ui).await,
            }
        })?
    }
}

fn must_be_there(keeping: &Keeping) -> anyhow::Result<()> {
    let next = "choose it with --data-dir or TERRA_AUTH_STORE";
    let absent = || Advice::new(Kind::NotFound, "there is no store here", next).into();
    if keeping.is_there() { Ok(()) } else { Err(absent()) }
}

async fn open(keeping: &Keeping) -> anyhow::Result<Auth> {
    must_be_there(keeping)?;
    node::offline(&keeping.store(), keeping.master_keys()?).await
}

impl Status {
    async fn run(self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.keeping).await?;
        let keys = auth.data_keys().await?;
        let counts = auth.verify_vault(|_, _| {}).await?;
        let older: u64 = counts.iter().map(|count| count.older).sum();
        let rows = || {
            keys.iter().map(|key| {
                let by = key.wrapped_by.to_string();
                [
                    key.purpose.to_string(),
                    key.number.to_string(),
                    state(key, &auth).to_owned(),
                    by,
                    minute(key.created_at),
                ]
            })
        };
        let plain = || {
            let left = format!("{older} values are still sealed with an older key than the current one");
            format!("{}\n\n{left}", table(["purpose", "number", "state", "master key", "created"], rows()))
        };
        let json_keys: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({
                    "purpose": key.purpose.as_str(), "number": key.number, "state": state(key, &auth),
                    "master_key": key.wrapped_by.to_string(), "created_at": key.created_at,
                })
            })
            .collect();
        let master_keys: Vec<_> = auth.keys.masters().all().map(|key| key.id().to_string()).collect();
        ui.result(plain, &json!({ "data_keys": json_keys, "master_keys": master_keys, "older_values": older }))
    }
}

fn state(key: &DataKey, auth: &Auth) -> &'static str {
    match (key.activated_at, key.retired_at) {
        _ if key.is_lost() => "lost",
        (None, _) => "announced",
        (_, Some(_)) => "retired",
        _ if key.purpose.as_str() == "marks" || key.number == auth.keys.current() => "current",
        _ => "being replaced",
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

impl Rotate {
    async fn run(self, ui: Ui) -> anyhow::Result<()> {
        let auth = open(&self.keeping).await?;
        let admin = Admin::local("vault rotate");
        if self.master {
            let rewrapped = auth.rewrap_data_keys(&admin).await?;
            let id = auth.keys.masters().current().id().to_string();
            let plain = || format!("{rewrapped} data keys were wrapped anew; all are wrapped by the master key {id}");
            return ui.result(plain, &json!({ "rewrapped": rewrapped, "master_key": id }));
        }
        ui.note(&format!("letting every node hear of the new key, {} s …", 2 * NODES_HEAR_WITHIN.as_secs()))?;
        let mut said = Instant::now();
        let tell = |progress: Progress| {
            if said.elapsed() >= SAYS_EVERY {
                said = Instant::now();
                // A rotation goes on whether or not somebody listens.
                drop(ui.note(&format!("{} values looked at, {} sealed anew …", progress.looked_at, progress.resealed)));
            }
        };
        let rotated = auth.rotate_data_key(&admin, NODES_HEAR_WITHIN, tell).await.map_err(failed)?;
        let (data_key, resealed) = (rotated.data_key, rotated.progress.resealed);
        let plain = || format!("everything is sealed with data key {data_key}; {resealed} values were sealed anew");
        ui.result(plain, &json!({ "data_key": data_key, "resealed": resealed }))
    }
}

const SAYS_EVERY: Duration = Duration::from_secs(2);

fn failed(error: RotateError) -> anyhow::Error {
    match error {
        RotateError::Admin(_) | RotateError::Store(_) => {
            anyhow::Error::new(error).context("the rotation stopped; run it again, and it goes on from there")
        }
        RotateError::Broken(_) => {
            Advice::new(Kind::FoundErrors, error.to_string(), "see which with `terra-auth vault verify`").into()
        }
        RotateError::Restless => {
            let next = "start every server with all master keys, then run this again";
            Advice::new(Kind::Failed, error.to_string(), next).into()
        }
    }
}
