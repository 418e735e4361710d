use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use futures_util::TryStreamExt as _;
use serde_json::json;
use terra_auth::{DevId, admin::AdminClient};

use crate::{
    app::{self, App},
    command::keys::TargetOptions,
};

/// Export every connection of the environment to a file, one JSON object per line
///
/// `terra-auth connections import` can read a file with tokens. If two systems refresh the same
/// grant, the provider may revoke it: stop this server before you import the file into another one.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections export --out connections.ndjson",
    "terra-auth connections export --env production --with-tokens --out grants.ndjson",
])]
pub(crate) struct Args {
    /// File to create, readable only by its owner; it must not exist yet
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// Include the providers' tokens in plain text; requires an admin token with the role owner
    #[arg(long)]
    with_tokens: bool,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { out, with_tokens, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        if out == Path::new("-") {
            let written = app::block_on(write_to(&admin, &target.dev_id, with_tokens, io::stdout()))?;
            return written.map(drop).context("could not export all connections");
        }
        let name = out.display().to_string();
        let file = create(&out).with_context(|| format!("could not write {name}"))?;
        let written = app::block_on(write_all(&admin, &target.dev_id, with_tokens, file))?;
        let written = written.with_context(|| format!("could not export all connections; {name} is incomplete"))?;
        app.ui.result(
            || format!("Wrote {written} connections to {name}"),
            &json!({ "dev_id": target.dev_id, "connections": written, "with_tokens": with_tokens, "file": name }),
        )
    }
}

/// Creates the file. `create_new` also rules out devices such as a terminal.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

async fn write_all(admin: &AdminClient, dev_id: &DevId, with_tokens: bool, file: File) -> anyhow::Result<u64> {
    let written = write_to(admin, dev_id, with_tokens, &file).await?;
    file.sync_all()?;
    Ok(written)
}

async fn write_to(admin: &AdminClient, dev_id: &DevId, with_tokens: bool, out: impl io::Write) -> anyhow::Result<u64> {
    let (mut out, mut written) = (io::BufWriter::new(out), 0);
    let mut connections = Box::pin(admin.export_connections(dev_id, with_tokens));
    while let Some(connection) = connections.try_next().await? {
        serde_json::to_writer(&mut out, &connection)?;
        out.write_all(b"\n")?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
}
