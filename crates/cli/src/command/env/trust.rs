use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::{Value, json};
use terra_auth::{
    CredentialsError,
    credentials::{FileDigest, Reference, Source, TrustStore, TrustedFile, VARIABLES, Written, folder_of},
    ownership::Access,
};

use crate::{
    app::App,
    credential_file,
    dry_run::DryRun,
    failure::{Advice, Kind},
    guard::Guard,
    ui::{shown, table},
};

/// Trust a credential file as it is now: the programs and keyring entries that it names, and its addresses
///
/// A credential file may come from a repository or an archive. Until you trust it, no program that it names runs, no keyring
/// entry is read for it, and no admin token goes to its address. The path and the SHA-256 of the file are remembered in your
/// state folder; a file that changes must be trusted again. `setup-environment` and `dev` trust what they write, and a file
/// that holds its keys itself needs no trust.
///
/// Without a home folder, as in CI, put the SHA-256 into `TERRA_AUTH_TRUSTED_FILES` instead.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env trust",
    "terra-auth env trust ../api/.env.terra.production",
    "terra-auth env trust --list",
    "terra-auth env trust --remove",
])]
pub(crate) struct Args {
    /// The file; by default the credential file of --env
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// List the trusted files instead
    #[arg(long, conflicts_with_all = ["file", "remove"])]
    list: bool,
    /// Trust the file no longer
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

/// The same bound as the client's.
const LONGEST: u64 = 64 * 1024;

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let store = TrustStore::of_process();
        if self.list {
            return list(app, &store);
        }
        let file = match self.file {
            Some(file) => file,
            None => file_of(app)?,
        };
        if self.remove { remove(app, &store, &file, self.dry_run) } else { add(app, &store, &file, self.dry_run) }
    }
}

/// The credential file that the commands would read.
fn file_of(app: &App) -> anyhow::Result<PathBuf> {
    let written = Written::find(app.environment, &folder_of(app.environment), &|_| None);
    match written.map(|written| written.source().clone()) {
        Ok(Source::File(file)) => Ok(file),
        Err(error @ CredentialsError::NoFile { .. }) => Err(error.into()),
        // A file that has other faults can be named.
        Err(error) => Err(anyhow::Error::new(error).context(Advice::new(
            Kind::NoCredentials,
            "no file was trusted",
            "correct the file",
        ))),
        Ok(Source::Program | Source::Process | Source::ProcessOf(_)) => {
            let next = "name the file: terra-auth env trust FILE";
            Err(Advice::new(Kind::Misused, "there is no credential file here", next).into())
        }
    }
}

fn add(app: &App, store: &TrustStore, file: &Path, dry_run: DryRun) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let length = fs::metadata(file).with_context(|| format!("could not read {name}"))?.len();
    if length > LONGEST {
        let next = "name a credential file, which has lines such as TERRA_DEV_ID=…";
        return Err(Advice::new(Kind::Misused, format!("{name} is longer than 64 KiB"), next).into());
    }
    let text = fs::read(file).with_context(|| format!("could not read {name}"))?;
    let entries = credential_file::parse(&name, &String::from_utf8_lossy(&text))?;
    let value =
        |key: &'static str| Some((key, entries.get(key)?.trim().to_owned())).filter(|(_, value)| !value.is_empty());
    let agreed: Vec<(&str, String)> = VARIABLES.into_iter().filter_map(value).filter_map(decision).collect();
    let refers = agreed.iter().any(|(key, _)| !key.ends_with("_URL"));
    Guard::Refuses.check(file, if refers { Access::ReadOrChange } else { Access::Change })?;
    let digest = FileDigest::of(&text);
    let json = json!({
        "file": name, "sha256": digest.to_string(),
        "trusts": agreed.iter().map(|(key, value)| json!({ "variable": key, "value": value })).collect::<Vec<Value>>(),
    });
    if dry_run.stops(app.ui, &format!("trust {name}"), &json)? {
        return Ok(());
    }
    store.add(file, &digest).with_context(|| {
        let next = format!("set TERRA_AUTH_TRUSTED_FILES={digest} where the commands run, or set XDG_STATE_HOME to a folder of your own");
        Advice::new(Kind::Failed, format!("could not remember that {name} is trusted"), next)
    })?;
    let plain = || {
        let lines = agreed.iter().map(|(key, value)| format!("\n  {key}  {}", shown(value)));
        format!("Trusted {name}, sha256 {digest}{}", lines.collect::<String>())
    };
    app.ui.result(plain, &json)
}

/// What a value decides that is not in the file: in the words of the file, without secrets.
fn decision((key, value): (&'static str, String)) -> Option<(&'static str, String)> {
    let refers = !matches!(Reference::parse(&value), Ok(None));
    (refers || key.ends_with("_URL")).then_some((key, value))
}

fn remove(app: &App, store: &TrustStore, file: &Path, dry_run: DryRun) -> anyhow::Result<()> {
    let name = file.display().to_string();
    if dry_run.stops(app.ui, &format!("trust {name} no longer"), &json!({ "file": name }))? {
        return Ok(());
    }
    let removed = store.remove(file).with_context(|| format!("could not forget {name}"))?;
    if !removed {
        return Err(Advice::new(
            Kind::NotFound,
            format!("{name} was not trusted"),
            "see `terra-auth env trust --list`",
        )
        .into());
    }
    app.ui.result(|| format!("{name} is trusted no longer"), &json!({ "file": name, "removed": true }))
}

fn list(app: &App, store: &TrustStore) -> anyhow::Result<()> {
    let files = store.list();
    let is_current = |file: &TrustedFile| fs::read(&file.path).is_ok_and(|text| FileDigest::of(&text) == file.digest);
    let json: Vec<Value> = files
        .iter()
        .map(|file| json!({ "file": file.path.display().to_string(), "sha256": file.digest.to_string(), "unchanged": is_current(file) }))
        .collect();
    let rows = || {
        files.iter().map(|file| {
            let state = if is_current(file) { "trusted" } else { "changed or gone" };
            [shown(&file.path.display().to_string()), state.to_owned(), file.digest.to_string()]
        })
    };
    app.ui.result(|| table(["file", "state", "sha256"], rows()), &json)
}
