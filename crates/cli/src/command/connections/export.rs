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
    command::keys::Whose,
};

/// Write every connection of the environment to a file, one JSON object a line
///
/// `terra-auth connections import` reads it elsewhere, if it has the tokens. Two systems that refresh the same grants may
/// end them: import the file only after this one has stopped.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth connections export --out connections.ndjson",
    "terra-auth connections export --env production --with-tokens --out grants.ndjson",
])]
pub(crate) struct Args {
    /// The file, which must not be there yet; only its owner can read it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// With the providers' tokens, in the clear; needs an owner's admin token
    #[arg(long)]
    with_tokens: bool,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { out, with_tokens, whose } = self;
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        if out == Path::new("-") {
            let written = app::wait(write_to(&admin, &owner.dev_id, with_tokens, io::stdout()))?;
            return written.map(drop).context("could not export everything");
        }
        let name = out.display().to_string();
        let file = create(&out).with_context(|| format!("could not write {name}"))?;
        let written = app::wait(write_all(&admin, &owner.dev_id, with_tokens, file))?;
        let written = written.with_context(|| format!("could not export everything; {name} has only a part"))?;
        app.ui.result(
            || format!("Wrote {written} connections to {name}"),
            &json!({ "dev_id": owner.dev_id, "connections": written, "with_tokens": with_tokens, "file": name }),
        )
    }
}

/// It must be new, so it is no terminal either.
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
